/**
 * SQL for two other ways by which Redshift can read what ccs writes, to be run by hand. They load
 * by themselves; what each of them can't do stands in its comments.
 */
import { quoteText } from '../kernel/sql-text.ts'
import { CLICKS_COLUMNS } from '../lake/clicks-columns.ts'
import { findColumnType } from './column-type.ts'
import { quoteTable } from './warehouse-table.ts'

/** As `psql -v RS_ROLE_ARN=…` replaces it. */
const ROLE = ":'RS_ROLE_ARN'"

/** A COPY JOB: Redshift watches the folder and loads each new file. `address` is the copy's. */
export function renderCopyJob(address: string): string {
  const table = quoteTable({ schema: 'raw', name: 'raw_clicks_auto' })
  const columns = CLICKS_COLUMNS.map(([name, type]) => {
    const found = findColumnType({ name, type, physical: '', typeBytes: null })
    return `  ${name} ${typeof found === 'string' ? found : type}`
  })
  return [
    '-- Redshift loads each new file of the folder by itself: psql -v RS_ROLE_ARN=… -f this-file',
    '-- It knows files by their names and reads no manifest, so rows are there twice after ccs',
    '-- compacts or rebuilds the lake, and stay after ccs erase. It ignores files that are there',
    '-- before the job, and files lack the day dt. To have exact rows: ccs load redshift.',
    '-- It needs an event integration of S3 with Redshift for the bucket.',
    'CREATE SCHEMA IF NOT EXISTS raw;',
    `CREATE TABLE IF NOT EXISTS ${table} (`,
    columns.join(',\n'),
    ');',
    `COPY ${table}`,
    `FROM ${quoteText(`${address}/bronze/clicks/`)}`,
    `IAM_ROLE ${ROLE}`,
    'FORMAT AS PARQUET',
    'JOB CREATE ccs_raw_clicks AUTO ON;',
    '',
  ].join('\n')
}

/** Streaming ingestion from Kafka: how many records each minute has. */
export function renderStreaming(topic: string): string {
  const view = quoteTable({ schema: 'raw', name: 'events_raw_stream' })
  return [
    '-- Redshift reads the topic by itself: psql -v RS_ROLE_ARN=… -v MSK_ARN=… -f this-file',
    '-- Values are Avro, which Redshift has no function for: this view counts records and keeps',
    '-- their bytes. For columns: ccs load redshift. MSK, Confluent Cloud or Kafka 2.7.1 and',
    '-- later; certificates that are signed by themselves are refused.',
    'CREATE SCHEMA IF NOT EXISTS raw;',
    'CREATE EXTERNAL SCHEMA ccs_kafka',
    `FROM MSK IAM_ROLE ${ROLE} AUTHENTICATION iam CLUSTER_ARN :'MSK_ARN';`,
    `CREATE MATERIALIZED VIEW ${view} AUTO REFRESH YES AS`,
    'SELECT kafka_partition, kafka_offset, kafka_timestamp, kafka_key, kafka_value, refresh_time',
    `FROM ccs_kafka.${`"${topic}"`};`,
    "SELECT DATE_TRUNC('minute', kafka_timestamp) AS minute, COUNT(*) AS records",
    `FROM ${view} GROUP BY 1 ORDER BY 1 DESC LIMIT 10;`,
    '',
  ].join('\n')
}
