/**
 * kill -9 at seeded points of the writer and the engine, each restarted without repair. Runs 12
 * points at different sites, or 200 at all sites with `npm run test:crash`. The seed is printed
 * with the results; CCS_KILL_SEED repeats a run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { FAULT_SITES, type FaultSite } from '../../cli/adapters/files/fault-point.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { openFilesRegistry } from '../../cli/adapters/registry/files-registry.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { endAll, startNode } from '../fixtures/child.ts'
import { generateStream, makeCrashProject } from '../fixtures/crash-project.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { computeExpected, findFaults, readFound, recordsIn } from '../fixtures/pipeline-oracle.ts'

const POINTS = Number(process.env.CCS_KILL_POINTS ?? 8)
const SEED = Number(process.env.CCS_KILL_SEED ?? 20_260_101)
/** A little more than one commit's worth per life of the engine. */
const RECORDS_A_LIFE = 1_200
const APPEND_RECORDS = 150
/** If a site is not reached in this time, the process is killed wherever it is. */
const PATIENCE_MS = 15_000

/** How often a site is passed per life, roughly; the pass to kill at is chosen below this. */
const PASSES: Readonly<Partial<Record<FaultSite, number>>> = {
  'log.write': 6,
  'log.sync': 6,
  'log.synced': 6,
  'gold.merge': 8,
  'gold.compact': 8,
  'stage.sync': 12,
  'stage.rename': 12,
  'state.sync': 6,
  'finalize.link': 12,
  'finalize.turn': 2,
}

interface Point {
  readonly site: FaultSite | 'any time'
  readonly fault: string
}

const SITES = [...FAULT_SITES, 'any time' as const]
/** If there are fewer points than sites, they are spread over them. */
const STEP = POINTS < SITES.length ? 2 : 1

/** Visits all sites, and random moments, equally often. */
function pointOf(index: number, random: () => number): Point {
  const site = SITES[(index * STEP) % SITES.length] ?? 'any time'
  if (site === 'any time') return { site, fault: '' }
  const pass = 1 + Math.floor(random() * (PASSES[site] ?? 1))
  const isTorn = site.endsWith('.write') && random() < 0.7
  return { site, fault: `${site}:${pass}:${isTorn ? 'torn' : 'kill'}` }
}

let dir: string | undefined

afterEach(async () => {
  await endAll()
  if (dir !== undefined) await rm(dir, { recursive: true, force: true })
  dir = undefined
})

const start = (script: string, args: readonly string[], fault: string) =>
  startNode(script, args, { NODE_ENV: 'test', CCS_FAULT: fault })

const after = (ms: number) => new Promise<'late'>((resolve) => setTimeout(resolve, ms, 'late'))

/** Records that the writer knows to be durable, by partition. */
class Acknowledged {
  readonly #ends = new Map<number, number>()

  /** Reads a writer's output; returns the records that it found missing at its start. */
  take(output: string): string[] {
    const lost: string[] = []
    for (const [, word, partition, end] of output.matchAll(/^(from|ack) (\d+) (\d+)$/gm)) {
      const known = this.#ends.get(Number(partition)) ?? 0
      if (word === 'from' && Number(end) < known)
        lost.push(`partition ${partition} ends at ${end}, and ${known} were acknowledged`)
      this.#ends.set(Number(partition), Math.max(known, Number(end)))
    }
    return lost
  }
}

test(`kill -9 at ${POINTS} seeded points loses and doubles nothing`, {
  timeout: 60_000 + POINTS * 15_000,
}, async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-kill-'))
  const [project, source, data] = [`${dir}/project`, `${dir}/source`, `${dir}/data`]
  const truth = `${dir}/truth.ndjson`
  makeCrashProject(project)
  const records = POINTS * RECORDS_A_LIFE
  await generateStream({ project, data: source, truth, records, seed: SEED % 1000 })

  const random = seededRandom(SEED)
  const acknowledged = new Acknowledged()
  const kills = { atSite: 0, atAnyTime: 0, late: [] as string[] }
  const run = ['run', '--project', project, '--data', data, '--port', '0']
  const write = (fault: string) =>
    start(
      'test/fixtures/log-writer.js',
      [source, data, `${RECORDS_A_LIFE}`, `${APPEND_RECORDS}`, '20'],
      fault,
    )
  for (let index = 0; index < POINTS; index++) {
    const { site, fault } = pointOf(index, random)
    const isWriter = site.startsWith('log.')
    const writer = write(isWriter ? fault : '')
    const engine = start('bin/run.js', run, isWriter ? '' : fault)
    const victim = isWriter ? writer : engine
    const patienceMs = site === 'any time' ? 200 + random() * 2_500 : PATIENCE_MS
    const how = await Promise.race([victim.ended, after(patienceMs)])
    if (how === 'SIGKILL') kills.atSite++
    else if (site === 'any time') kills.atAnyTime++
    else kills.late.push(fault)
    for (const one of [engine, writer]) one.kill('SIGKILL')
    const ends = [await engine.ended, await writer.ended]
    const where = `seed ${SEED}, point ${index} (${fault || site})\n${engine.output()}${writer.output()}`
    expect(['SIGKILL'], where).toContain(ends[0])
    expect([0, 'SIGKILL'], where).toContain(ends[1])
    expect(acknowledged.take(writer.output()), where).toEqual([])
  }

  const last = start('test/fixtures/log-writer.js', [source, data, `${records}`, '5000', '0'], '')
  expect(await last.ended, last.output()).toBe(0)
  expect(acknowledged.take(last.output())).toEqual([])
  const drained = await runCcs(['run', '--once', '--project', project, '--data', data])
  expect(drained.code, drained.stderr).toBe(0)
  const verified = await runCcs(['verify', '--truth', truth, '--project', project, '--data', data])
  expect(verified.code, verified.stdout + verified.stderr).toBe(0)
  await checkRows({ project, source, data }, records)
  console.log(
    `kill -9 (seed ${SEED}): ${kills.atSite} at a site, ${kills.atAnyTime} at any time, ` +
      `${kills.late.length} where the site was not reached in time${kills.late.length > 0 ? ` (${kills.late.join(' ')})` : ''}; ` +
      `${records} records, 0 lost, 0 doubled, no repair`,
  )
  expect(kills.late.length).toBeLessThanOrEqual(Math.ceil(POINTS / 4))
})

async function checkRows(
  of: { readonly project: string; readonly source: string; readonly data: string },
  records: number,
): Promise<void> {
  const registry = await openFilesRegistry(`${of.project}/schemas`)
  const dlqSchemas = await registry.versions('events.dlq-value')
  const open = (root: string) => openLocalLog({ dir: `${root}/log`, files: diskFiles() })
  const [source, log] = [open(of.source), open(of.data)]
  const [wanted, kept] = [await recordsIn(source, 'events.raw'), await recordsIn(log, 'events.raw')]
  expect(kept.length).toBe(records)
  expect(kept.findIndex((one, index) => !wanted[index]?.bytes.equals(one.bytes))).toBe(-1)
  const expected = await computeExpected(log, await registry.versions('events.raw-value'))
  expect(expected.bad.size).toBeGreaterThan(0)
  expect(findFaults(expected, await readFound(of.data, dlqSchemas))).toEqual([])
  await Promise.all([source.close(), log.close()])
}
