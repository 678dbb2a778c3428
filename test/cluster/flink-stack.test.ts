/** `ccs stack up flink`: a cluster that runs a job, and a gateway that runs one by itself. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { findOnPath } from '../../cli/adapters/process/python.ts'
import { STACKS } from '../../cli/domain/devstack/servers.ts'
import { openGateway } from '../../cli/engines/flink/client/gateway.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { explainMissingFlink, findFlinkJars, flinkTest } from '../fixtures/flink.ts'
import { startOwnStack } from '../fixtures/own-stack.ts'

const SUM = 'SELECT SUM(x) AS s FROM (VALUES (1), (2), (39)) AS t(x)'

test('JobManager, TaskManager and gateway start, and run a job together', {
  timeout: 480_000,
}, async (context) => {
  const shared = inject('cluster')
  const problem = 'skip' in shared ? shared.skip : explainMissingFlink()
  context.skip(problem !== undefined, problem)
  const own = await startOwnStack(STACKS.flink)
  onTestFinished(() => own.stop())
  cpSync(path.join(ROOT, 'ccs.yml'), path.join(own.projectDir, 'ccs.yml'))
  const status = await runCcs(['stack', 'status', '--json', '--project', own.projectDir])
  const { parts } = JSON.parse(status.stdout)
  const found = new Map<string, { state: string; address: string }>(
    parts.map((one: { part: string }) => [one.part, one]),
  )
  for (const part of STACKS.flink) expect([part, found.get(part)?.state]).toEqual([part, 'running'])
  const url = found.get('flink-gateway')?.address ?? ''
  const session = await openGateway({ url }).openSession({ 'execution.runtime-mode': 'batch' })
  const { rows, jobId } = await session.execute(SUM)
  expect(rows).toEqual([[42]])
  const jobs = await fetch(`${found.get('flink-jobmanager')?.address}/jobs/${jobId}`)
  expect(await jobs.json()).toMatchObject({ jid: jobId, state: 'FINISHED' })
  // Its files are gone with it, and none of its processes holds the folder.
  await own.stop()
  expect(existsSync(path.join(own.projectDir, '.ccs'))).toBe(false)
})

flinkTest('a gateway alone runs jobs by itself, and says why one failed', async (gateway) => {
  expect(await gateway.readVersion()).toBe('2.3.0')
  const settings = { 'execution.runtime-mode': 'batch', 'restart-strategy.type': 'none' }
  const session = await gateway.openSession(settings)
  onTestFinished(() => session.close())
  await session.execute('CREATE TEMPORARY VIEW numbers AS SELECT x FROM (VALUES (1), (0)) AS t(x)')
  expect(await session.execute('SELECT x FROM numbers ORDER BY x')).toMatchObject({
    columns: [{ name: 'x', type: 'INTEGER' }],
    rows: [[0], [1]],
  })
  await expect(session.execute('SELECT 1 / x FROM numbers')).rejects.toThrow(
    'Flink refuses it: / by zero.',
  )
  const place = session.execute('SELECT\n  x,\n  y FROM numbers', {
    locate: (line, column) => ({ file: 'sql/x.sql', line, column }),
  })
  await expect(place).rejects.toMatchObject({ location: { line: 3, column: 3 } })
})

test('the jar of functions is what its sources give', (context) => {
  const problem = explainMissingFlink()
  context.skip(problem !== undefined, problem)
  context.skip(findOnPath('javac', process.env) === undefined, 'no javac')
  const version = execFileSync('javac', ['-version'], { encoding: 'utf8' })
  context.skip(!version.startsWith('javac 17'), 'another javac writes other bytes')
  const jars = findFlinkJars()
  context.skip(jars === undefined, 'Flink is not downloaded yet')
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-functions-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const made = path.join(dir, 'made.jar')
  const functions = path.join(ROOT, 'stack/flink/functions')
  execFileSync('bash', [path.join(functions, 'build.sh'), jars ?? '', made])
  expect(readFileSync(made).equals(readFileSync(path.join(functions, 'ccs-functions.jar')))).toBe(
    true,
  )
})
