/** The metrics of a collector that writes to the same data directory as the engine. */
import type { CollectFigures } from '../collector/figures.ts'
import { byLabel, defineMetric, type MetricDefinition } from './define-metric.ts'
import type { MetricSample } from './open-metrics.ts'

const counter = defineMetric('counter')

/** Counters since the collector started; absent without one. */
export const COLLECTOR_METRICS: readonly MetricDefinition<CollectFigures>[] = [
  counter('ccs_collect_requests_total', [], 'Requests of senders.', ({ requests }) => [
    { value: requests },
  ]),
  counter(
    'ccs_collect_refused_requests_total',
    ['status'],
    'Requests of which nothing was kept, by the status of the answer.',
    ({ refused }) => byLabel('status', refused),
  ),
  counter(
    'ccs_collect_events_total',
    ['sender', 'outcome'],
    'Events by sender: accepted, duplicate, rejected, left_out.',
    ({ senders }) => bySender(senders, 'outcome', ({ outcomes }) => outcomes),
  ),
  counter(
    'ccs_collect_rejects_total',
    ['sender', 'reason'],
    'Rejected events by sender and reason.',
    ({ senders }) => bySender(senders, 'reason', ({ reasons }) => reasons),
  ),
  counter(
    'ccs_collect_incomplete_events_total',
    ['sender', 'lack'],
    'Events that came without an id, without a time, or with the time of another of their request.',
    ({ senders }) =>
      bySender(senders, 'lack', ({ withoutId: id, withoutTime: time, sharedTime: own_time }) => {
        return { id, time, own_time }
      }),
  ),
  counter(
    'ccs_collect_flagged_events_total',
    ['sender', 'bot_hint'],
    'Events that were flagged as those of bots, by the reason.',
    ({ senders }) => bySender(senders, 'bot_hint', ({ bots }) => bots),
  ),
  counter(
    'ccs_collect_commits_total',
    [],
    'Groups of events that were written together.',
    (one) => [{ value: one.groups }],
  ),
]

type Counts = Readonly<Record<string, number>>

function bySender(
  senders: CollectFigures['senders'],
  label: string,
  read: (figures: CollectFigures['senders'][string]) => Counts,
): readonly MetricSample[] {
  return Object.entries(senders).flatMap(([sender, figures]) =>
    byLabel(label, read(figures), { sender }),
  )
}
