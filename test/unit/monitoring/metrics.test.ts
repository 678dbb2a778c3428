/** What /metrics and /healthz say: the text format, the documented names, and what counts as a problem. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { METRIC_ABOUTS } from '../../../cli/domain/monitoring/engine-metrics.ts'
import { findProblems, PROBLEM_KINDS } from '../../../cli/domain/monitoring/health.ts'
import {
  chooseFormat,
  type MetricFamily,
  renderMetrics,
} from '../../../cli/domain/monitoring/open-metrics.ts'
import { LoopVitals } from '../../../cli/domain/pipeline/loop-vitals.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

const FAMILIES: readonly MetricFamily[] = [
  {
    name: 'shop_orders_total',
    type: 'counter',
    labels: ['by'],
    help: 'One\nline \\ two',
    samples: [
      { labels: { by: 'a"b\\c' }, value: 3 },
      { labels: { by: 'x\n\u001b[31m\u202e' }, value: 0.5 },
    ],
  },
  { name: 'shop_info', type: 'info', labels: [], help: 'About.', samples: [{ value: 1 }] },
  { name: 'shop_age_seconds', type: 'gauge', labels: [], help: 'Age.', samples: [{ value: 1e-7 }] },
  { name: 'shop_unknown', type: 'gauge', labels: [], help: 'Not known.', samples: [] },
]

describe('the text of metrics', () => {
  test('OpenMetrics names families without their suffix, has units, and ends with EOF', () => {
    expect(renderMetrics(FAMILIES, 'openmetrics')).toBe(
      [
        '# TYPE shop_orders counter',
        '# HELP shop_orders One\\nline \\\\ two',
        'shop_orders_total{by="a\\"b\\\\c"} 3',
        'shop_orders_total{by="x\\\\n\\\\u001b[31m\\\\u202e"} 0.5',
        '# TYPE shop info',
        '# HELP shop About.',
        'shop_info 1',
        '# TYPE shop_age_seconds gauge',
        '# UNIT shop_age_seconds seconds',
        '# HELP shop_age_seconds Age.',
        'shop_age_seconds 1e-7',
        '# EOF',
        '',
      ].join('\n'),
    )
  })

  test('the older format keeps the suffix, knows no infos and no units, and has no EOF', () => {
    const text = renderMetrics(FAMILIES, 'plain')
    expect(text).toContain('# TYPE shop_orders_total counter\n')
    expect(text).toContain('# TYPE shop_info gauge\n')
    expect(text).not.toMatch(/UNIT|EOF/)
  })

  test('the request decides on the format', () => {
    expect(chooseFormat('')).toBe('openmetrics')
    expect(chooseFormat('*/*')).toBe('openmetrics')
    expect(chooseFormat('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')).toBe(
      'openmetrics',
    )
    expect(chooseFormat('text/plain;version=0.0.4,*/*;q=0.1')).toBe('plain')
  })
})

describe('names', () => {
  test('docs/metrics.md has each metric with its type, its labels and its meaning', () => {
    const rows = [
      ...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm),
    ]
    const documented = rows.map(([, name, type, labels = '', help]) => {
      return { name, type, labels: [...labels.matchAll(/\w+/g)].map(([label]) => label), help }
    })
    expect(documented).toEqual(
      METRIC_ABOUTS.map(({ name, type, labels, help }) => {
        return { name, type, labels: labels.filter((one) => one !== 'le'), help }
      }),
    )
  })

  test('docs/metrics.md has each problem of /healthz', () => {
    const rows = [...read('docs/metrics.md').matchAll(/^\| `([a-z]+_?[a-z]+)` \| [^|]+ \|$/gm)]
    expect(rows.map(([, kind]) => kind)).toEqual([...PROBLEM_KINDS])
  })

  test('every metric that the dashboard and the alerts ask for is documented', () => {
    const dashboard: { panels: { targets: { expr: string }[] }[] } = JSON.parse(
      read('stack/metrics/grafana-dashboard.json'),
    )
    const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    expect(asked.length).toBeGreaterThan(METRIC_ABOUTS.length / 2)
    const alerts = [...read('docs/metrics.md').matchAll(/expr: (.*)$/gm)].map(([, expr]) => expr)
    expect(alerts.length).toBeGreaterThan(3)
    const names = [...asked, ...alerts].flatMap((expr = '') =>
      [...expr.matchAll(/\b(?:ccs|process)_\w+/g)].map(([name]) => name.replace(/_bucket$/, '')),
    )
    const known = new Set(METRIC_ABOUTS.map(({ name }) => name))
    expect(names.filter((name) => !known.has(name))).toEqual([])
  })
})

describe('health', () => {
  const clock = { nowMs: () => 0, sleep: async () => {}, elapsedMs: () => nowMs, cpuMs: () => 0 }
  let nowMs = 0
  const kinds = (vitals: LoopVitals, more: { stalled?: string; uncommittedRows?: number } = {}) =>
    findProblems({
      ...{ stalled: more.stalled ?? null, uncommittedRows: more.uncommittedRows ?? 0 },
      ...{ checkpointMs: 30_000, vitals: vitals.read() },
    }).map(({ kind }) => kind)

  test('an engine that turns and commits is well, also after an hour without events', () => {
    nowMs = 5
    const vitals = new LoopVitals(clock)
    expect(kinds(vitals)).toEqual([])
    nowMs += 3_600_000
    vitals.turn()
    expect(kinds(vitals)).toEqual([])
    expect(kinds(vitals, { stalled: 'The disk is full.' })).toEqual(['stalled'])
  })

  test('rows that wait much longer than checkpoint_every, and a loop that stands, are problems', () => {
    nowMs = 5
    const vitals = new LoopVitals(clock)
    nowMs += 100_000
    expect(kinds(vitals, { uncommittedRows: 1 })).toEqual([])
    nowMs += 100_000
    expect(kinds(vitals, { uncommittedRows: 1 })).toEqual(['commit_overdue', 'loop_frozen'])
    vitals.turn()
    expect(kinds(vitals, { uncommittedRows: 1 })).toEqual(['commit_overdue'])
    vitals.beginCommit()
    expect(kinds(vitals, { uncommittedRows: 1 })).toEqual([])
  })

  test('a commit counts in the bucket of its duration, and a very long one only in the total', () => {
    nowMs = 0
    const vitals = new LoopVitals(clock)
    for (const tookMs of [40, 900, 1_000, 500_000]) {
      vitals.beginCommit()
      nowMs += tookMs
      vitals.endCommit()
    }
    const { count, sumMs, buckets } = vitals.read().commits
    expect({ count, sumMs }).toEqual({ count: 4, sumMs: 501_940 })
    expect(buckets).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0])
  })
})
