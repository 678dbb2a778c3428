/**
 * Writes metrics as OpenMetrics 1.0 or, for readers that ask for it, as Prometheus' older text
 * format 0.0.4, which names a counter with its suffix and knows neither units nor infos.
 */
import { escapeControls } from '../console/controls.ts'

/** Which of the two formats. */
export type MetricsFormat = 'openmetrics' | 'plain'

/** The media types of the formats. */
export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  plain: 'text/plain; version=0.0.4; charset=utf-8',
}

/** One value. */
export interface MetricSample {
  /** What follows the family's name: `_bucket`; the type's own suffix unless given. */
  readonly suffix?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** What all samples of one metric share. */
export interface MetricAbout {
  /** As it is written in a query: that of a counter ends with `_total`, of an info with `_info`. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info'
  /** The names of its labels. */
  readonly labels: readonly string[]
  /** One sentence. */
  readonly help: string
}

/** A metric with its values now. */
export interface MetricFamily extends MetricAbout {
  readonly samples: readonly MetricSample[]
}

/** Metrics without a sample are left out: their value is not known. */
export function renderMetrics(families: readonly MetricFamily[], format: MetricsFormat): string {
  const lines = families.flatMap((family) => renderFamily(family, format))
  const end = format === 'openmetrics' ? ['# EOF'] : []
  return `${[...lines, ...end].join('\n')}\n`
}

/** The format that a request's Accept header asks for; OpenMetrics if it names none of them. */
export function chooseFormat(accept: string): MetricsFormat {
  const isPlain = /text\/plain/.test(accept) && !/openmetrics-text/.test(accept)
  return isPlain ? 'plain' : 'openmetrics'
}

const SUFFIXES = { counter: '_total', info: '_info', gauge: '', histogram: '' } as const
const UNITS = ['seconds', 'bytes'] as const

function renderFamily(
  { name, type, help, samples }: MetricFamily,
  format: MetricsFormat,
): readonly string[] {
  if (samples.length === 0) return []
  const base = name.slice(0, name.length - SUFFIXES[type].length)
  const isOpen = format === 'openmetrics'
  const family = isOpen ? base : name
  const unit = UNITS.find((one) => isOpen && base.endsWith(`_${one}`))
  return [
    `# TYPE ${family} ${!isOpen && type === 'info' ? 'gauge' : type}`,
    ...(unit === undefined ? [] : [`# UNIT ${family} ${unit}`]),
    `# HELP ${family} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`,
    ...samples.map(({ suffix = SUFFIXES[type], labels = {}, value }) => {
      return `${base}${suffix}${renderLabels(labels)} ${renderNumber(value)}`
    }),
  ]
}

/** No control character of a value is written, whatever reads the text. */
function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const text = escapeControls(value).replace(/\\/g, '\\\\').replace(/"/g, '\\"')
    return `${name}="${text}"`
  })
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function renderNumber(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}
