/**
 * `ccs bi` with a real Superset and a real browser, from nothing: every chart of both dashboards
 * shows what a SELECT over the same marts gives; the import changes, removes and keeps what it
 * should; no secret comes out. `npm run test:bi`; the first time it downloads about 220 MB.
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isFree } from '../../cli/adapters/process/free-ports.ts'
import { readProcessStart } from '../../cli/adapters/process/process-start.ts'
import { OVERVIEW, PERFORMANCE } from '../fixtures/bi-charts.ts'
import { BiShop, CANARIES } from '../fixtures/bi-shop.ts'
import { checkCharts } from '../fixtures/bi-values.ts'

const shop = new BiShop()
let missing: string | undefined

beforeAll(async () => {
  missing = await shop.make()
}, 1_200_000)
afterAll(() => shop.remove(), 120_000)

beforeEach((context) => {
  context.skip(missing !== undefined, missing)
})

test('ccs bi up starts from nothing, and shows the new password once', async () => {
  const { stdout, code, stderr } = shop.up
  expect(code, stderr).toBe(0)
  const password = /with the password (\S+)/.exec(stdout)?.[1] ?? ''
  expect(password).toMatch(/^[\w-]{24}$/)
  expect(shop.password()).toBe(password)
  for (const name of ['admin-password', 'secret-key', 'superset.db'])
    expect(statSync(shop.inHome(name)).mode & 0o077, name).toBe(0)
  expect(stdout).toContain('30 created, 0 changed, 0 removed')

  const again = await shop.ccs('bi', 'up')
  expect(again.stdout).toContain('Superset runs already at')
  expect(again.stdout).toContain('nothing was changed')
  expect(again.stdout).not.toContain(password)
})

/** In a container nobody may collect what has ended. */
function hasEnded(pid: number | null): boolean {
  return readProcessStart(pid ?? 0)?.isZombie !== false
}

describe('each chart shows what a SELECT over the marts gives', () => {
  test('Clickstream Overview', { timeout: 300_000 }, async () => {
    await checkCharts(shop, 'clickstream-overview', OVERVIEW)
  })

  test('Shop performance', { timeout: 300_000 }, async () => {
    await checkCharts(shop, 'shop-performance', PERFORMANCE)
  })
})

test('the page loads nothing from another host, and no chart complains', () => {
  expect([...shop.hosts]).toEqual([`127.0.0.1:${shop.port}`])
  // Superset's page asks for a picture that counts its users; the policy forbids it.
  expect(shop.complaints.filter((one) => !one.includes('Content Security Policy'))).toEqual([])
})

test('a second import writes nothing', async () => {
  const before = await shop.readChanges()
  const { stdout } = await shop.ccs('bi', 'import')
  expect(stdout).toBe('Superset has all 30 objects as the files say; nothing was changed.\n')
  expect(await shop.readChanges()).toEqual(before)
  expect(before.length).toBeGreaterThanOrEqual(30)
})

test('a chart taken out of the files is gone; somebody’s own chart stays', async () => {
  const own = await shop.makeOwnChart('Mine', 'fct_sessions')
  const dashboard = shop.asset('dashboards/clickstream_overview.yaml')
  const chart = shop.asset('charts/device_share.yaml')
  const [dashboardText, chartText] = [dashboard, chart].map((file) => readFileSync(file, 'utf8'))
  rmSync(chart)
  writeFileSync(dashboard, (dashboardText ?? '').replace(/^.*chart: device_share.*\n/m, ''))
  const { stdout } = await shop.ccs('bi', 'import')
  expect(stdout).toContain('- chart Device share\n')
  expect(await shop.listChartNames()).not.toContain('Device share')
  expect(await shop.listChartNames()).toContain('Mine')
  const names = await shop.readDashboard('clickstream-overview')
  expect(names).not.toContain('Device share')
  expect(names).toHaveLength(10)

  writeFileSync(chart, chartText ?? '')
  writeFileSync(dashboard, dashboardText ?? '')
  await shop.ccs('bi', 'import')
  expect(await shop.readDashboard('clickstream-overview')).toHaveLength(11)
  expect(await shop.findChart('Mine')).toMatchObject({ uuid: own })
})

test('what somebody changed in a chart of the files is as the files say again', async () => {
  await shop.renameChart('Funnel', 'My funnel')
  const { stdout } = await shop.ccs('bi', 'import')
  expect(stdout).toContain('~ chart Funnel: slice_name')
  expect(await shop.listChartNames()).toContain('Funnel')
})

test('a mistake in a file is one sentence with its line, and nothing is changed', async () => {
  const before = await shop.readChanges()
  const file = shop.asset('charts/top_pages.yaml')
  const text = readFileSync(file, 'utf8')
  for (const [from, to, said] of [
    ['groupby: [page]', 'groupby: [pagee]', 'no column of the dataset stg_events named "pagee"'],
    ['dataset: stg_events', 'dataset: events', 'There is no dataset "events"'],
    ['slice_name:', 'name:', 'A chart must have the key "slice_name"'],
  ] as const) {
    writeFileSync(file, text.replace(from, to))
    const { code, stderr } = await shop.run('bi', 'import')
    expect(code).toBe(2)
    expect(stderr).toContain(said)
    expect(stderr).toMatch(/infra\/superset\/assets\/charts\/top_pages\.yaml:\d+/)
  }
  const dataset = shop.asset('datasets/rfm.yaml')
  const other = readFileSync(dataset, 'utf8')
  writeFileSync(dataset, other.replace('column_name: segment', 'column_name: segmentt'))
  const { code, stderr } = await shop.run('bi', 'import')
  expect([code, stderr]).toEqual([2, expect.stringContaining('no column of rfm named "segmentt"')])
  writeFileSync(file, text)
  writeFileSync(dataset, other)
  expect(await shop.readChanges()).toEqual(before)
})

test('SQL of people reads the marts, and no file of the machine', async () => {
  expect(await shop.runSqlLab('SELECT count(*) AS n FROM fct_sessions')).toMatch(/"n":\s?\d+/)
  const answer = await shop.runSqlLab("SELECT content FROM read_text('/etc/hostname')")
  expect(answer).toContain('file system operations are disabled')
  expect(await shop.runSqlLab('DELETE FROM rfm')).toMatch(/not allowed|read-only|DML/i)
})

test('killed by -9 it is reported, and up starts it again with its data', async () => {
  const { pid } = await shop.status()
  process.kill(pid ?? 0, 'SIGKILL')
  await expect.poll(async () => (await shop.status()).state, { timeout: 20_000 }).toBe('died')
  const { stdout } = await shop.ccs('bi', 'up')
  expect(stdout).toContain('Superset runs at')
  expect(stdout).not.toContain('with the password')
  expect((await shop.status()).dashboards).toHaveLength(2)
  expect(await shop.listChartNames()).toContain('Mine')
})

test('down ends it; a taken port is named, and nothing is started', async () => {
  const { pid } = await shop.status()
  expect((await shop.ccs('bi', 'down')).stdout).toBe('Superset is stopped.\n')
  expect(hasEnded(pid)).toBe(true)
  await expect.poll(() => isFree(shop.port), { timeout: 20_000 }).toBe(true)
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(shop.port, '127.0.0.1', resolve))
  try {
    const { code, stderr } = await shop.run('bi', 'up')
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`Another program listens on port ${shop.port}.`),
    ])
    expect((await shop.status()).state).toBe('down')
  } finally {
    await new Promise((resolve) => other.close(resolve))
  }
})

test('the login is admin/admin with --demo alone', async () => {
  const { stdout } = await shop.ccs('bi', 'up', '--demo')
  expect(stdout).toContain('Log in as admin with the password admin\n')
  expect(await shop.mayLogIn('admin')).toBe(true)
  await shop.ccs('bi', 'down')
})

test('people log in at an OpenID provider, and ccs goes on importing', async () => {
  const issuerPort = await shop.findPort()
  const redirect = `http://127.0.0.1:${shop.port}/oauth-authorized/sso`
  const provider = shop.startProvider(issuerPort, redirect)
  await provider.says('ready')
  shop.setEnv({
    OIDC_ISSUER: `http://127.0.0.1:${issuerPort}`,
    OIDC_CLIENT_ID: 'ccs',
    OIDC_CLIENT_SECRET: 'a-secret-of-the-test',
    OIDC_ROLES: '{"staff": ["Alpha"]}',
  })
  const { stdout } = await shop.ccs('bi', 'up')
  expect(stdout).toContain('nothing was changed')
  // That of the demo is replaced.
  expect(stdout).toContain(`with the password ${shop.password()}`)
  expect(await shop.mayLogIn('admin')).toBe(false)
  expect(await shop.mayLogIn(shop.password())).toBe(true)
  const names = await shop.readDashboardAs('ada', 'clickstream-overview')
  expect(names).toHaveLength(11)
  expect(await shop.readDashboardAs(undefined, 'clickstream-overview')).toEqual([])
})

test('no secret is in an output, a log, a file or an export', async () => {
  const environment = shop.readServerEnvironment((await shop.status()).pid ?? 0)
  // Redshift's password is meant for it; what else stands in .env is not.
  expect(environment).toContain(CANARIES.redshift)
  expect(environment).not.toContain(CANARIES.foreign)
  const texts = new Map<string, string>([['outputs', shop.outputs.join('\n')]])
  texts.set('export', await shop.exportAll())
  for (const folder of [shop.inHome('.'), shop.asset('.')])
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const file = path.join(folder, name)
      if (statSync(file).isFile()) texts.set(file, readFileSync(file, 'latin1'))
    }
  expect(texts.size).toBeGreaterThan(35)
  for (const [place, text] of texts)
    for (const canary of [...Object.values(CANARIES), 'a-secret-of-the-test'])
      expect(text.includes(canary), `${canary} in ${place}`).toBe(false)
})

test('down --purge leaves nothing behind', async () => {
  const { pid } = await shop.status()
  expect((await shop.ccs('bi', 'down', '--purge')).stdout).toContain('Its data are deleted.')
  expect(hasEnded(pid)).toBe(true)
  expect(() => statSync(shop.inHome('.'))).toThrow('ENOENT')
  await expect.poll(() => isFree(shop.port), { timeout: 20_000 }).toBe(true)
})
