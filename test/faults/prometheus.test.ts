/**
 * A real Prometheus scrapes a running engine with the shipped settings, its own tool finds nothing
 * to criticize in the names, and it answers every query of the dashboard.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findFreePorts } from '../../cli/adapters/process/free-ports.ts'
import { createEventNow, type LiveShop, openLiveShop } from '../fixtures/live-shop.ts'
import { makeRig } from '../fixtures/pipeline-rig.ts'

const STACK = path.resolve(import.meta.dirname, '../../stack/metrics')
const SETTLES = { timeout: 60_000, interval: 250 }
const MISSING = 'there is no Prometheus: apt-get install prometheus'
const isInstalled = ['prometheus', 'promtool'].every((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})
const dir = mkdtempSync(path.join(tmpdir(), 'ccs-prometheus-'))
let shop: LiveShop

beforeAll(async () => {
  if (!isInstalled) return
  shop = await openLiveShop(await makeRig(), path.join(dir, 'shop'))
  await shop.append([createEventNow(), createEventNow()])
  await shop.appendBytes([Buffer.from('{"broken"')])
})
afterAll(async () => {
  await shop?.close()
  rmSync(dir, { recursive: true, force: true })
})

test('promtool accepts the names, the types and the settings', async (context) => {
  context.skip(!isInstalled, MISSING)
  const response = await fetch(`${shop.url}/metrics`, { headers: { accept: 'text/plain' } })
  const input = await response.text()
  expect(input).toContain('# TYPE ccs_events_total counter')
  expect(execFileSync('promtool', ['check', 'metrics'], { input }).toString()).toBe('')
  execFileSync('promtool', ['check', 'config', path.join(STACK, 'prometheus.yml')])
  const rules = path.join(dir, 'rules.yml')
  const page = readFileSync(path.join(STACK, '../../docs/metrics.md'), 'utf8')
  writeFileSync(rules, /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
  expect(execFileSync('promtool', ['check', 'rules', rules]).toString()).toContain('5 rules found')
})

test('Prometheus scrapes the engine and answers every query of the dashboard', async (context) => {
  context.skip(!isInstalled, MISSING)
  const [port = 0] = await findFreePorts(1)
  const config = path.join(dir, 'prometheus.yml')
  const shipped = readFileSync(path.join(STACK, 'prometheus.yml'), 'utf8')
  const ours = shipped
    .replace('127.0.0.1:8090', new URL(shop.url).host)
    .replace(/scrape_(interval|timeout): \d+s/g, 'scrape_$1: 1s')
  expect(ours).not.toContain(':8090')
  writeFileSync(config, ours)
  const address = `127.0.0.1:${port}`
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path.join(dir, 'tsdb')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => prometheus.once('close', resolve))
  // biome-ignore lint/suspicious/noExplicitAny: documents of Prometheus, checked by their shape
  const ask = async (what: string): Promise<any> => {
    const response = await fetch(`http://${address}/api/v1/${what}`)
    return { status: response.status, ...((await response.json()) as object) }
  }
  const query = (expr: string) => ask(`query?query=${encodeURIComponent(expr)}`)
  try {
    const rejected = async () => {
      const { data } = await query('ccs_events_total{outcome="rejected"}').catch(() => ({}))
      return data?.result[0]?.value[1]
    }
    await expect.poll(rejected, SETTLES).toBe('1')
    const { data } = await ask('targets')
    expect(data.activeTargets).toMatchObject([{ health: 'up', lastError: '' }])
    const { data: types } = await ask('targets/metadata')
    const typeOf = new Map(
      types.map((one: { metric: string; type: string }) => [one.metric, one.type]),
    )
    expect(typeOf.get('ccs_commit_duration_seconds')).toBe('histogram')
    expect(typeOf.get('ccs_lag_events')).toBe('gauge')
    const dashboard: { panels: { targets: { expr: string }[] }[] } = JSON.parse(
      readFileSync(path.join(STACK, 'grafana-dashboard.json'), 'utf8'),
    )
    for (const { expr } of dashboard.panels.flatMap(({ targets }) => targets)) {
      const filled = expr.replaceAll('$job', 'ccs').replaceAll('$__rate_interval', '1m')
      expect(await query(filled), expr).toMatchObject({ status: 'success' })
    }
  } finally {
    prometheus.kill('SIGKILL')
    await ended
  }
})
