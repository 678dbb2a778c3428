/** Parsing of model test files, and their faults. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseRecordSchema } from '../../../cli/domain/avro/schema.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import type { AppendAction, ModelTestCase } from '../../../cli/domain/model-tests/model-test.ts'
import { modelForFile, parseModelTests } from '../../../cli/domain/model-tests/parse-model-tests.ts'
import { parseTimeMs } from '../../../cli/domain/model-tests/read-time.ts'

const FILE = 'sql/gold/activity_1m.test.yml'
const schema = path.resolve(import.meta.dirname, '../../../schemas/events.raw.avsc')
const context = {
  contract: parseRecordSchema(readFileSync(schema, 'utf8')),
  watermarkDelayMs: 5000,
  models: new Map([
    ['gold.activity_1m', ['window_start', 'events', 'visitors']],
    ['silver.events', ['event_id', 'late_ms']],
  ]),
}

function parse(text: string) {
  return parseModelTests(FILE, text, context)
}

/** Parses a file with one case of these steps, on 2026-03-01. */
function caseOf(...steps: readonly string[]): ModelTestCase {
  const lines = steps.map((step) => `      - ${step}`).join('\n')
  const text = `date: 2026-03-01\ncases:\n  - name: one\n    steps:\n${lines}\n    expect: { none: true }\n`
  const [one] = parse(text).cases
  if (!one) throw new Error('no case')
  return one
}

function appends(one: ModelTestCase): readonly AppendAction[] {
  return one.actions.filter((action): action is AppendAction => action.do === 'append')
}

/** Returns `line:column message hint` of each fault. */
function faultsOf(text: string): readonly string[] {
  try {
    parse(text)
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return [error, ...error.others].map(
      ({ location, message, hint }) =>
        `${location?.line}:${location?.column} ${message}${hint ? ` ${hint}` : ''}`,
    )
  }
  return []
}

const at = (time: string) => Date.parse(`2026-03-01T${time}Z`)

describe('times', () => {
  test('are UTC, on their own date or on the given one', () => {
    expect(parseTimeMs('10:00', '2026-03-01')).toBe(at('10:00:00'))
    expect(parseTimeMs('10:00:05.25', '2026-03-01')).toBe(at('10:00:05.250'))
    expect(parseTimeMs('2026-03-01 10:00')).toBe(at('10:00:00'))
    expect(parseTimeMs('2026-03-01T10:00:00.000Z')).toBe(at('10:00:00'))
    expect(parseTimeMs('2026-03-01')).toBe(at('00:00:00'))
  })

  test('that are invalid are undefined', () => {
    for (const text of ['', '10', '10:00', '2026-02-30', '2026-03-01 24:00', '2026-03-01 ', 'soon'])
      expect(parseTimeMs(text), text).toBeUndefined()
    expect(parseTimeMs('25:00', '2026-03-01')).toBeUndefined()
  })
})

describe('an event', () => {
  test('has defaults for all fields that its type requires', () => {
    const [first] = appends(caseOf('event: { at: "10:00", type: purchase }'))
    expect(first?.record).toMatchObject({
      event: {
        event_type: 'purchase',
        event_ts: at('10:00:00'),
        anonymous_id: 'anna',
        device: 'desktop',
        order_id: 'order-1',
        currency: 'EUR',
        items: [
          { sku: 'sku-1', unit_price_minor: 1000, quantity: 1, discount_minor: 0, name: null },
        ],
      },
    })
  })

  test('accepts money as a decimal, and the contract’s own names', () => {
    const [first] = appends(
      caseOf('event: { at: 10:00, type: refund, refund: 0.29, tax_minor: 7, visitor: ben }'),
    )
    expect(first?.record).toMatchObject({
      event: { refund_minor: 29, tax_minor: 7, anonymous_id: 'ben', items: [] },
    })
  })

  test('has the same id in every run, and a different one for every step', () => {
    const ids = () =>
      caseOf('event: { at: 10:00 }', 'event: { at: 10:00 }').accepted.map((row) => row.event_id)
    expect(ids()).toEqual(ids())
    expect(new Set(ids()).size).toBe(2)
    expect(ids()[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('repeats with every and times', () => {
    const { accepted } = caseOf('event: { at: 10:00, every: 30 minutes, times: 3 }')
    expect(accepted.map((row) => row.event_ts)).toEqual(
      ['10:00:00', '10:30:00', '11:00:00'].map(at),
    )
    expect(new Set(accepted.map((row) => row.event_id)).size).toBe(3)
  })
})

describe('time', () => {
  test('late_ms is measured from the watermark before it, by corrected time', () => {
    const { accepted } = caseOf(
      'event: { at: 10:00 }',
      'late: { by: 1 minute }',
      'late: { by: 5 seconds }',
      // The device's clock is two hours fast: it happened at 10:00:01.
      'event: { at: 12:00:01, sent: 12:00:01, received: 10:00:01 }',
      'event: { at: 09:00 }',
    )
    expect(accepted.map((row) => row.late_ms)).toEqual([0, 55_000, 0, 0, 3_596_000])
  })

  test('arrival times never decrease, and a late event arrives now', () => {
    const steps = appends(
      caseOf('event: { at: 10:00 }', 'event: { at: 09:00 }', 'late: { by: 1 hour }'),
    )
    expect(steps.map((step) => step.appendMs)).toEqual([
      at('10:00:00'),
      at('10:00:00'),
      at('10:00:00'),
    ])
  })

  test('advance moves the watermark to exactly that time', () => {
    const { accepted } = caseOf('event: { at: 10:00 }', 'advance: 11:00', 'event: { at: 10:30 }')
    expect(accepted.at(-1)?.late_ms).toBe(30 * 60_000)
  })

  test('a duplicate repeats the same record, also of a late event', () => {
    const { accepted } = caseOf(
      'event: { at: 10:00 }',
      'late: { by: 1 minute, id: a }',
      'event: { at: 10:01 }',
      'duplicate: a',
      'duplicate: last',
    )
    const [, first, , again, last] = accepted
    const { offset: _offset, late_ms: _late, ingest_time: _time, ...same } = first ?? {}
    expect(again).toMatchObject(same)
    expect(last).toMatchObject(same)
  })

  test('invalid records take an offset but give no row', () => {
    const one = caseOf('event: { at: 10:00 }', 'invalid: { hex: "00ff" }', 'event: { at: 10:01 }')
    expect(one.accepted.map((row) => row.offset)).toEqual([0, 2])
    expect(appends(one)[1]?.record).toEqual({ bytes: Buffer.from([0, 255]) })
  })

  test('right now is the last arrival unless the case sets it', () => {
    expect(caseOf('event: { at: 10:00 }').nowMs).toBe(at('10:00:00'))
  })
})

describe('a file with faults', () => {
  test('reports all of them at once, with places and suggestions', () => {
    expect(
      faultsOf(`date: 2026-03-01
cases:
  - name: one
    steps:
      - event: { at: 10:00, vistor: anna }
      - evnt: { at: 10:00 }
      - event: { at: 10:61 }
      - event: { at: 10:00, type: page_vew }
      - late: { by: soon }
      - duplicate: nobody
      - restart: now
      - crsh
      - event: { at: 10:00, type: purchase, items: [{ prise: 1.00 }, { price: 1.001 }] }
    expect:
      rows: [{ evnts: 1 }]
      also: { silver.event: { count: 1 } }
      dlq: [bad_magik]
`),
    ).toEqual([
      '5:29 An event has no field "vistor". Did you mean "visitor"?',
      '6:9 "evnt" is not a step. Did you mean "event"?',
      '7:22 "10:61" is not a time. Write 10:00, 10:00:05 or 2026-03-01 10:00:05, in UTC.',
      '8:35 "page_vew" is not an allowed value. Did you mean "page_view"?',
      '9:21 "soon" is not a length of time. Write a number and a unit: 30 seconds, 3 minutes, 2 hours, 1 day.',
      '10:20 No earlier event has the id "nobody". Known: last.',
      '11:9 "restart" takes no value. Write "- restart".',
      '12:9 "crsh" is not a step. Did you mean "crash"?',
      '13:55 An order line has no field "prise". Did you mean "price"?',
      '13:79 1.001 is not an amount of money. Write it like 19.90.',
      '15:16 gold.activity_1m has no column "evnts". Did you mean "events"?',
      '16:15 There is no model silver.event. Did you mean "silver.events"?',
      '17:13 "bad_magik" is not a reason. Did you mean "bad_magic"?',
    ])
  })

  test('reports times without a date, and cases without a unique name', () => {
    const faults = faultsOf(`cases:
  - name: one
    steps: [{ event: { at: 10:00 } }]
    expect: { count: 0 }
  - name: one
    expect: { none: true, rows: [] }
  - steps: []
    expect: {}
`)
    expect(faults[0]).toMatch(/^3:28 "10:00" has no date\. Put "date: 2026-03-01"/)
    expect(faults).toContain('6:27 "none" and "rows" contradict each other.')
    expect(faults.join('\n')).toContain('Another case is also called "one".')
    expect(faults.join('\n')).toContain('A case needs a name.')
    expect(faults.join('\n')).toContain('The case expects nothing.')
  })

  test('reports an unknown model with a suggestion', () => {
    const parsing = () => parseModelTests('sql/gold/activty_1m.test.yml', 'cases: []', context)
    expect(parsing).toThrow('There is no model gold.activty_1m to test.')
    expect(modelForFile('sql/gold/activty_1m.test.yml')).toBe('gold.activty_1m')
  })
})
