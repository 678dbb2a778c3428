/**
 * Fault points for crash tests: with NODE_ENV=test and CCS_FAULT=<site>:<n>:<mode> the process
 * kills itself, as by kill -9, when it passes the site for the n-th time (from 1). Most sites are
 * calls of `Files`, recognised by their path; the others are steps of the commit and of Gold.
 * Without the two variables this module is not even loaded.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Files, OpenFile } from './files.ts'

/** All sites, in the order in which a commit passes them. */
export const FAULT_SITES = [
  /** An append: before its bytes are written, before they are synced, and before the reply. */
  'log.write',
  'log.sync',
  'log.synced',
  'dlq.write',
  'dlq.sync',
  'dlq.synced',
  /** Between two statements that update Gold, and between two that write it at a checkpoint. */
  'gold.merge',
  'gold.compact',
  /** After each step of a commit. */
  'commit.freeze',
  'commit.write',
  'commit.seal',
  'commit.manifest',
  'commit.finalize',
  'commit.release',
  /** Inside a step: Parquet and state written but not synced, synced but not renamed. */
  'stage.sync',
  'stage.rename',
  'state.sync',
  'manifest.write',
  'manifest.rename',
  'finalize.link',
  'finalize.turn',
  'finalize.clear',
  /** After each operation of a deployment to a cluster, and after each record of it. */
  'deploy.step',
] as const

/** One of FAULT_SITES. */
export type FaultSite = (typeof FAULT_SITES)[number]

/**
 * `torn` writes the first half of the bytes before it kills the process; where nothing is written
 * it is the same as `kill`. `hang` makes a step of the commit never end.
 */
const MODES = ['kill', 'torn', 'hang'] as const

/** The steps of a commit as ports have them; each is followed by the site of its name. */
export interface CommitSteps {
  readonly engine: Steps<'freeze' | 'write' | 'release'>
  readonly lake: Steps<'seal' | 'finalize'>
  readonly manifests: Steps<'commit'>
}

type Steps<Name extends string> = { [name in Name]: (...args: never[]) => Promise<unknown> }

/** An armed fault point. */
export interface FaultPoint {
  /** Counts a pass of the site; kills the process at the n-th. */
  reach(site: FaultSite): void
  /** The same files, with their calls counted. */
  files(files: Files): Files
  /** Adds the commit's sites to the objects that carry it out. */
  watch(steps: CommitSteps): void
}

/** `spec` is <site>:<n>:<mode>; throws CCS_USAGE_INVALID if it isn't. */
export function openFaultPoint(spec: string): FaultPoint {
  const [site, count, mode] = spec.split(':')
  const wanted = FAULT_SITES.find((one) => one === site)
  const isTorn = mode === 'torn'
  if (!wanted || !/^[1-9]\d*$/.test(count ?? '') || !MODES.some((one) => one === mode))
    throw new CcsError('CCS_USAGE_INVALID', `CCS_FAULT=${spec} is not a fault point.`, {
      hint: `Write <site>:<n>:<kill, torn or hang>, with one of ${FAULT_SITES.join(', ')}.`,
    })
  let left = Number(count)
  /** Whether this pass is the n-th. */
  const isHere = (reached: FaultSite) => reached === wanted && --left === 0
  const reach = (reached: FaultSite) => {
    if (isHere(reached) && mode !== 'hang') end()
  }
  const step = async (reached: FaultSite) => {
    if (!isHere(reached)) return
    if (mode === 'hang') await new Promise(() => {})
    end()
  }
  return {
    reach,
    files: (files) => watchFiles(files, { reach, isHere, isTorn }),
    watch: ({ engine, lake, manifests }) => {
      after(engine, 'freeze', () => step('commit.freeze'))
      after(engine, 'write', () => step('commit.write'))
      after(lake, 'seal', () => step('commit.seal'))
      after(manifests, 'commit', () => step('commit.manifest'))
      after(lake, 'finalize', () => step('commit.finalize'))
      after(engine, 'release', () => step('commit.release'))
    },
  }
}

function end(): void {
  process.kill(process.pid, 'SIGKILL')
}

function after<Name extends string>(
  target: Steps<Name>,
  name: Name,
  then: () => Promise<void>,
): void {
  const step = target[name].bind(target)
  target[name] = async (...args) => {
    const result = await step(...args)
    await then()
    return result
  }
}

interface Watch {
  readonly reach: (site: FaultSite) => void
  readonly isHere: (site: FaultSite) => boolean
  readonly isTorn: boolean
}

const TOPICS = { 'events.raw': 'log', 'events.dlq': 'dlq' } as const

/** `log` or `dlq` for a segment of one of the topics. */
function findSegmentKind(path: string): 'log' | 'dlq' | undefined {
  const topic = /\/log\/(events\.raw|events\.dlq)-\d+\/\d+\.log$/.exec(path)?.[1]
  return topic === 'events.raw' || topic === 'events.dlq' ? TOPICS[topic] : undefined
}

function watchFiles(files: Files, watch: Watch): Files {
  const { reach } = watch
  return {
    ...files,
    open: async (path, mode) => watchFile(await files.open(path, mode), path, watch),
    rename: (from, to) => {
      if (to.includes('/stage/')) reach('stage.rename')
      if (to.endsWith('/manifest.json')) reach('manifest.rename')
      if (from.endsWith('/link.tmp')) reach('finalize.turn')
      return files.rename(from, to)
    },
    link: (existing, path) => {
      if (path.includes('/parts/')) reach('finalize.link')
      return files.link(existing, path)
    },
    remove: (path) => {
      if (/\/stage\/[^/]+$/.test(path)) reach('finalize.clear')
      return files.remove(path)
    },
  }
}

function watchFile(file: OpenFile, path: string, { reach, isHere, isTorn }: Watch): OpenFile {
  const log = findSegmentKind(path)
  const isManifest = path.endsWith('/manifest.json.tmp')
  const written = isManifest ? 'manifest.write' : log && (`${log}.write` as const)
  const synced = path.includes('/stage/')
    ? 'stage.sync'
    : path.includes('/state/')
      ? 'state.sync'
      : undefined
  return {
    read: (into, position) => file.read(into, position),
    write: async (parts, position) => {
      if (written && isHere(written)) {
        const bytes = Buffer.concat(parts)
        if (isTorn) await file.write([bytes.subarray(0, bytes.length >> 1)], position)
        end()
      }
      return file.write(parts, position)
    },
    truncate: (bytes) => file.truncate(bytes),
    datasync: async () => {
      if (log) reach(`${log}.sync`)
      await file.datasync()
      if (log) reach(`${log}.synced`)
    },
    sync: () => {
      if (synced) reach(synced)
      return file.sync()
    },
    size: () => file.size(),
    close: () => file.close(),
  }
}
