/** Parsing of model files and their headers. */
import { expect, test } from 'vitest'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { modelFiles, projectFile } from '../model-files.ts'

function faultsOf(make: () => unknown): CcsError[] {
  try {
    make()
  } catch (error) {
    if (error instanceof CcsError) return [error, ...error.others]
    throw error
  }
  return []
}

const place = (error: CcsError): string =>
  `${error.location?.file}:${error.location?.line}:${error.location?.column} ${error.message}`

test('every model of the project parses, and sqlLine is where its SELECT begins', () => {
  const models = modelFiles().map(({ file, text }) => parseModel(file, text))
  expect(models.length).toBeGreaterThanOrEqual(19)
  for (const model of models) {
    const line = model.text.split('\n')[model.sqlLine - 1]
    expect(line).toBe(model.sql.split('\n')[0])
    expect(model.grain).not.toBe('')
  }
})

test('a header becomes typed fields: durations in ms, dedupe, audits by rule', () => {
  const { file, text } = projectFile('sql/silver/events.sql')
  const model = parseModel(file, text)
  expect(model).toMatchObject({
    name: 'silver.events',
    layer: 'silver',
    kind: 'stream',
    key: ['event_id'],
    time: 'event_time',
    watermarkMs: 5000,
    dedupe: { key: 'event_id', horizonMs: 48 * 3_600_000 },
    partition: 'event_date',
  })
  expect(model.audits).toEqual([
    { rule: 'unique', columns: ['event_id'] },
    { rule: 'not_null', column: 'event_time' },
    {
      rule: 'accepted_values',
      column: 'device',
      values: ['desktop', 'mobile', 'tablet', 'bot'],
    },
    { rule: 'holds', expression: 'revenue >= 0' },
  ])
  expect(model.doc).toMatch(/^One clean row per event:/)
})

test('windows, sessions and lateness are read from the Gold models', () => {
  const read = (name: string) => {
    const { file, text } = projectFile(`sql/gold/${name}.sql`)
    return parseModel(file, text)
  }
  expect(read('activity_1m')).toMatchObject({
    window: { unit: 'ms', sizeMs: 60_000 },
    latenessMs: 600_000,
  })
  expect(read('revenue_daily').window).toEqual({ unit: 'shop day' })
  expect(read('sessions')).toMatchObject({
    session: { pauseMs: 1_800_000, capMs: 86_400_000 },
    latenessMs: 3_600_000,
  })
  expect(read('right_now')).toMatchObject({ kind: 'view', key: [] })
})

test('all faults of a header are reported at once, with place and hint', () => {
  const text = `/*
kind: window
grian: a row
key: window_start
time: event_time
window: 7 minutes
lateness: soon
audits: [not_null(), "a > 0"]
cap: 1 hour
*/
SELECT 1`
  const faults = faultsOf(() => parseModel('sql/gold/broken.sql', text))
  expect(faults.map(place)).toEqual([
    'sql/gold/broken.sql:3:1 A header has no key "grian".',
    'sql/gold/broken.sql:9:1 A model of kind window has no use for "cap".',
    'sql/gold/broken.sql:2:1 A model of kind window needs "grain".',
    'sql/gold/broken.sql:7:11 "soon" is not a length of time.',
    'sql/gold/broken.sql:6:9 "7 minutes" is not a window.',
    'sql/gold/broken.sql:4:6 key must be a list.',
    'sql/gold/broken.sql:8:10 not_null() needs a column.',
  ])
  expect(faults[0]?.location?.text).toBe('grian: a row')
  expect(faults[0]?.hint).toBe('Did you mean "grain"?')
  for (const fault of faults) expect(fault.hint).toBeTruthy()
})

test.each([
  ['SELECT 1', 'The model has no header.'],
  ['/*\nkind: stream\nSELECT 1', 'The header is not closed.'],
  ['/*\nkind: stream\ngrain: a\nkey: []\n*/\n-- only a comment\n', 'The model has no SELECT.'],
  ['/*\nkind: streem\ngrain: a\nkey: []\n*/\nSELECT 1', 'There is no kind "streem".'],
  ['/*\nkind: stream\ngrain: a\nkey: []\ndedupe: id\n*/\nSELECT 1', '"dedupe" needs "horizon".'],
])('a file such as %j is refused: %s', (text, message) => {
  const [fault] = faultsOf(() => parseModel('sql/silver/x.sql', text))
  expect(fault?.message).toBe(message)
  expect(fault?.code).toBe('CCS_MODEL_INVALID')
  expect(fault?.exit).toBe(2)
})

test('a file outside the layer folders, or with an invalid name, is rejected', () => {
  expect(faultsOf(() => parseModel('sql/other/x.sql', '/**/'))[0]?.message).toContain(
    "not in 'other/'",
  )
  expect(faultsOf(() => parseModel('sql/gold/My Model.sql', '/**/'))[0]?.message).toContain(
    'not a valid model name',
  )
})
