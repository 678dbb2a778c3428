import { expect, test } from 'vitest'
import type { GraphModel } from '../../../cli/domain/models/graph.ts'
import { describeLateEvents } from '../../../cli/domain/pipeline/late-summary.ts'

/** A SELECT without a WHERE. */
const ast = { node: { type: 'SELECT_NODE', select_list: [], from_table: { type: 'EMPTY' } } }

/** Only what is read of a model. */
const graph = [
  { model: { name: 'silver.people', kind: 'view', key: ['event_id'] }, reads: ['silver.events'] },
  {
    ast,
    model: {
      ...{ name: 'gold.activity_1m', kind: 'window', latenessMs: 600_000 },
      window: { unit: 'ms', sizeMs: 60_000 },
    },
    reads: ['silver.people'],
  },
  {
    ast,
    model: {
      ...{ name: 'gold.sessions', kind: 'session', latenessMs: 3_600_000 },
      session: { pauseMs: 1_800_000, capMs: 86_400_000 },
    },
    reads: ['silver.people'],
  },
] as unknown as readonly GraphModel[]

const answering = (count: (sql: string) => number) => async (sql: string) => ({
  columns: [],
  rows: [{ n: String(count(sql)) }],
})

test('late events are named with the models that lack them, and with what to do', async () => {
  const query = answering((sql) => (sql.includes('late_ms >= 5400000') ? 36 : 0))
  const text = (await describeLateEvents(40, graph, query)).join(' ')
  expect(text).toContain('40 events were late')
  expect(text).toContain('of all rows so far: gold.sessions 36.')
  expect(text).toContain('raise lateness in the header of the model, then: ccs deploy')
  expect(text).not.toContain('import')
})

test('events that are late but in time for Gold need no advice', async () => {
  const texts = await describeLateEvents(
    1,
    graph,
    answering(() => 0),
  )
  expect(texts).toEqual([
    '1 event was late: newer ones of the same partition came before. No Gold model lacks any.',
  ])
})
