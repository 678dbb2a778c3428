/** The settings in force as text. */
import { formatBytes, formatDuration } from '../kernel/units.ts'
import type { Config } from './config.ts'
import { formatPlace } from './lake-s3.ts'
import { formatRetention } from './retention.ts'

/** Lists the settings in force as ccs.yml writes them, for `ccs doctor`. */
export function listSettings(
  config: Config,
): { readonly setting: string; readonly value: string }[] {
  const { gate, engine, query, backup, lake, generator, http, dbt, identity, retention } = config
  return [
    { setting: 'name', value: config.name },
    { setting: 'timezone', value: config.timezone },
    { setting: 'data', value: config.data },
    { setting: 'data_mode', value: config.dataMode },
    { setting: 'gate.record_bytes_max', value: formatBytes(gate.recordBytesMax) },
    { setting: 'gate.future_tolerance', value: formatDuration(gate.futureToleranceMs) },
    { setting: 'engine.memory_limit', value: formatBytes(engine.memoryLimitBytes) },
    { setting: 'engine.checkpoint_every', value: formatDuration(engine.checkpointEveryMs) },
    { setting: 'engine.checkpoint_rows', value: String(engine.checkpointRows) },
    { setting: 'query.timeout', value: formatDuration(query.timeoutMs) },
    { setting: 'query.max_rows', value: String(query.rowsMax) },
    { setting: 'query.memory_limit', value: formatBytes(query.memoryLimitBytes) },
    { setting: 'query.concurrency', value: String(query.concurrency) },
    { setting: 'backup.to', value: backup.to === '' ? 'nowhere' : backup.to },
    {
      setting: 'backup.every',
      value: backup.everyMs === 0 ? 'by ccs backup only' : formatDuration(backup.everyMs),
    },
    { setting: 'lake.s3', value: lake.s3 ? formatPlace(lake.s3) : 'nowhere' },
    { setting: 'lake.publish', value: lake.publish.join(', ') || 'by ccs lake publish only' },
    { setting: 'lake.keep', value: formatDuration(lake.keepMs) },
    { setting: 'generator.eps', value: String(generator.eps) },
    { setting: 'generator.seed', value: String(generator.seed) },
    { setting: 'http.port', value: String(http.port) },
    { setting: 'collect', value: `${config.collect.host}:${config.collect.port}` },
    { setting: 'collect.origins', value: config.collect.origins.join(', ') || 'none' },
    { setting: 'collect.keys', value: [...config.collect.keys.keys()].join(', ') || 'none' },
    { setting: 'dbt.every', value: formatDuration(dbt.everyMs) },
    { setting: 'identity.placeholder_ids', value: JSON.stringify(identity.placeholderIds) },
    { setting: 'log.compression', value: config.log.compression },
    { setting: 'pii.keys_file', value: config.pii.keysFile ?? 'in the data directory' },
    { setting: 'retention.events.raw', value: formatRetention(retention.rawMs) },
    { setting: 'retention.events.dlq', value: formatRetention(retention.dlqMs) },
    ...['bronze', 'silver', 'gold'].map((layer) => {
      return { setting: `retention.${layer}`, value: formatRetention(null) }
    }),
    { setting: 'targets', value: Object.keys(config.targets).join(', ') },
  ]
}
