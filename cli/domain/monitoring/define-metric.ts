/** Definitions of metrics: what is known of each, and the rule that reads its values. */
import type { MetricAbout, MetricSample } from './open-metrics.ts'

/** A metric of something that `Reading` describes at one moment. */
export interface MetricDefinition<Reading> extends MetricAbout {
  readonly read: ReadMetric<Reading>
}

type ReadMetric<Reading> = (reading: Reading) => readonly MetricSample[]

/** Makes definitions of one type. */
export function defineMetric(type: MetricAbout['type']) {
  return <Reading>(
    name: string,
    labels: readonly string[],
    help: string,
    read: ReadMetric<Reading>,
  ): MetricDefinition<Reading> => ({ name, type, labels, help, read })
}

/** A sample of each value, with its name as this label, and `more` labels. */
export function byLabel(
  label: string,
  values: Readonly<Record<string, number>>,
  more: Readonly<Record<string, string>> = {},
): readonly MetricSample[] {
  return Object.entries(values).map(([name, value]) => {
    return { labels: { ...more, [label]: name }, value }
  })
}
