/** Composition of `ccs dlq`: the log, the target's schemas, and a DuckDB for expressions. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { DlqListPorts } from '../domain/dlq/list-rejects.ts'
import type { ReplayChoice, ReplayPorts } from '../domain/dlq/open-dlq.ts'
import type { ReplayParts } from '../domain/dlq/replay-rejects.ts'
import type { SetAsideEvent } from '../domain/dlq/set-aside-events.ts'
import type { DlqShowPorts } from '../domain/dlq/show-reject.ts'
import { type Closable, openAll } from '../domain/kernel/closers.ts'
import type { Showing, ShownEvents } from '../domain/query/mask-tail.ts'
import type { Project } from '../project.ts'
import { openShownEvents } from './reader.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

/** For `ccs dlq show`. */
export function openDlqShow(
  project: Project,
  showing: Showing,
): Promise<DlqShowPorts & Closable & ShownEvents> {
  return openAll(async (closers) => {
    const { ports, dlq } = await openPorts(project)
    closers.add(() => ports.log.close())
    const shown = await openShownEvents(project, ports.registry, showing)
    return { ...(await dlq.openDlqShow(ports)), ...shown }
  })
}

/** For `ccs dlq ls`; CCS_QUERY_INVALID for a predicate that makes no sense. */
export function openDlqList(
  project: Project,
  where: string | undefined,
): Promise<DlqListPorts & Closable> {
  return openAll(async (closers) => {
    const { ports, dlq } = await openPorts(project)
    closers.add(() => ports.log.close())
    const opened = await dlq.openDlqList(ports, where)
    closers.add(() => opened.close())
    return opened
  })
}

/** The events on which a model failed and that were not sent again, for `ccs why`. */
export async function readSetAside(project: Project): Promise<readonly SetAsideEvent[]> {
  const { ports, dlq } = await openPorts(project)
  try {
    return await (await dlq.openSetAside(ports))()
  } finally {
    await ports.log.close()
  }
}

/** Those of the target and of this machine unless given; a log that is given stays open. */
export type ReplaySetting = Partial<Pick<ReplayPorts, 'log' | 'clock' | 'isShared'>>

/**
 * For `ccs dlq replay`. CCS_QUERY_INVALID, with places, for predicates and patches; CCS_LOG_LOCKED
 * while another replay is at work.
 */
export function openReplay(
  project: Project,
  choice: ReplayChoice,
  setting: ReplaySetting = {},
): Promise<ReplayParts & Closable> {
  return openAll(async (closers) => {
    const { ports, dlq } = await openPorts(project, setting)
    if (!setting.log) closers.add(() => ports.log.close())
    const opened = await dlq.openReplay(ports, choice)
    closers.add(() => opened.close())
    return opened
  })
}

async function openPorts(project: Project, setting: ReplaySetting = {}) {
  const [opening, { openIsolatedDuck }, store, registry] = await Promise.all([
    import('../domain/dlq/open-dlq.ts'),
    import('../adapters/duckdb/with-duck.ts'),
    openProjectStore(project),
    openRegistry(project),
  ])
  const { sources = [] } = (await store.manifests.load()) ?? {}
  const ports: ReplayPorts = {
    ...{ registry, sources, gate: project.config.gate, openSql: openIsolatedDuck },
    log: setting.log ?? store.log,
    clock: setting.clock ?? systemClock(),
    isShared: setting.isShared ?? project.target.kafka !== undefined,
  }
  // Named one by one, so that unused exports are found.
  const { openDlqShow, openDlqList, openReplay, openSetAside } = opening
  return { ports, dlq: { openDlqShow, openDlqList, openReplay, openSetAside } }
}
