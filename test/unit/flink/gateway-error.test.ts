/** What is said of a statement that Flink refuses, and where it is in a model's file. */
import { expect, test } from 'vitest'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import {
  readGatewayFault,
  StatementRefused,
} from '../../../cli/engines/flink/client/gateway-error.ts'
import { toJobScript } from '../../../cli/engines/flink/plan/script.ts'
import { describeServers } from '../../../cli/engines/flink/plan/server-options.ts'

const asTrace = (...causes: readonly string[]) => ({
  body: {
    errors: [
      `java.lang.RuntimeException: x\n${causes.map((one) => `Caused by: ${one}\n`).join('')}`,
    ],
  },
})

test('a missing jar is named, with what to copy where', () => {
  const missing = readGatewayFault(asTrace('java.lang.ClassNotFoundException: ccs.v1.LinesRevenue'))
  const error = new StatementRefused(missing ?? { message: '' })
  expect(error.message).toBe('Flink refuses it: it has no class ccs.v1.LinesRevenue.')
  expect(error.hint).toContain('ccs-functions.jar')
  const connector = "Could not find any factory for identifier 'kafka'"
  const other = readGatewayFault(asTrace(`org.apache.flink.ValidationException: ${connector}`))
  const place = () => ({ file: 'x.sql', line: 1, column: 1 })
  const lack = new StatementRefused(other ?? { message: '' }, place)
  expect(lack.message).toBe("Flink refuses it: it has no connector or format 'kafka'.")
  expect(lack.hint).toContain('Copy flink-sql-connector-kafka-5.0.0-2.2.jar into the lib folder of')
  expect(lack.location).toBeUndefined()
  // The JobManager or a TaskManager lacks what the gateway has.
  const sink = 'org.apache.flink.connector.kafka.sink.KafkaSink'
  const elsewhere = readGatewayFault(asTrace(`java.lang.ClassNotFoundException: ${sink}`))
  const error2 = new StatementRefused(elsewhere ?? { message: '' })
  expect(error2.message).toBe(`Flink refuses it: it has no class ${sink}.`)
  expect(error2.hint).toContain('flink-sql-connector-kafka')
})

test('a column that Flink refuses is found in the file of its model', () => {
  const text =
    '/*\nkind: stream\ngrain: one row per event\nkey: [event_id]\n*/\n' +
    'SELECT\n  event_id,\n  lower(page) AS page\nFROM silver.events\n'
  const model = parseModel('sql/silver/pages.sql', text)
  const sql =
    'CREATE TEMPORARY VIEW `silver_pages` AS\nSELECT\n  `event_id`,\n  LOWER(`page`) AS `page`'
  const views = [{ what: 'view', sql, model }]
  const servers = describeServers({ brokers: ['a:1'] }, {}, { url: 'http://r' })
  const naming = { ...servers, prefix: '', version: 1 }
  const job = { head: [], views, sinks: [], notes: new Map() }
  const [view] = toJobScript(job, naming, {}).views
  const file = 'sql/silver/pages.sql'
  expect(view?.locate?.(4, 3)).toMatchObject({ file, line: 8, text: '  lower(page) AS page' })
  // Nothing on that line is a column: the place is that of the SELECT.
  expect(view?.locate?.(1, 1)).toMatchObject({ file, line: 6, column: 1 })
})
