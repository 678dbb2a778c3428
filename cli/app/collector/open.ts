/** The composition root of `ccs collect`. */
import { randomUUID } from 'node:crypto'
import { turnPretenuringOff } from '../../adapters/process/garbage.ts'
import { raisePriority } from '../../adapters/process/priority.ts'
import type { CollectFigures } from '../../domain/collector/figures.ts'
import { openAll } from '../../domain/kernel/closers.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { COLLECTOR_PARTITION, DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../../domain/log/topics.ts'
import type { Project } from '../../project.ts'
import { openRegistry } from '../targets/log.ts'
import { openCollectLog } from './log.ts'
import { openDataCentres, openMappings } from './mappings.ts'
import { openTracker } from './tracker.ts'

/** How the collector is opened. */
export interface CollectOpening {
  /** Instead of that of ccs.yml. */
  readonly port: number | undefined
  /** Serves the example shop at /shop/. */
  readonly hasShop: boolean
  readonly onNotice: (text: string) => void
}

/** A collector that takes events until it is closed. */
export interface OpenCollector {
  readonly url: string
  readonly figures: () => CollectFigures
  close(): Promise<void>
}

/** Less room on the disk than this, and nothing more is taken: the engine needs some too. */
const ROOM_BYTES_MIN = 64 * 1024 * 1024

/** Senders wait for its answers, nobody for the next commit of the engine. */
const NICE = -5

/**
 * Opens the log, then listens. Throws CCS_CONFIG_INVALID for settings with which it may not listen,
 * CCS_LOG_LOCKED while another collector writes, CCS_PORT_TAKEN.
 */
export async function openCollector(
  project: Project,
  { port, hasShop, onNotice }: CollectOpening,
): Promise<OpenCollector> {
  turnPretenuringOff()
  const [checks, contracts, commits, collectors, rates, credentials, salts, kept, rooms, servers] =
    await Promise.all([
      import('../../domain/collector/check-settings.ts'),
      import('../../domain/ingest/import-contract.ts'),
      import('../../domain/collector/group-commit.ts'),
      import('../../domain/collector/collector.ts'),
      import('../../domain/collector/view-rates.ts'),
      import('../../domain/collector/credentials.ts'),
      import('../../adapters/files/daily-salt.ts'),
      import('../../adapters/files/collect-figures.ts'),
      import('../../adapters/files/disk-room.ts'),
      import('../../web/collector/collector-server.ts'),
    ])
  const settings = { ...project.config.collect, ...(port === undefined ? {} : { port }) }
  checks.checkSettings(settings)
  const registry = await openRegistry(project)
  const contract = contracts.compileImportContract({
    rawSchemas: await registry.versions(subjectFor(RAW_TOPIC)),
    dlqSchema: (await registry.versions(subjectFor(DLQ_TOPIC))).at(-1),
    ...project.config.gate,
  })
  const { config, dir, dataDir, target } = project
  return openAll<Omit<OpenCollector, 'close'>>(async (closers) => {
    const log = await openCollectLog(project)
    closers.add(() => log.close())
    const { clock } = log
    const commit = await commits.GroupCommit.open(log)
    closers.add(() => commit.close())
    const collector = new collectors.Collector({
      ...{ contract, commit, clock, makeId: randomUUID, eventBytesMax: settings.eventBytesMax },
      viewRates: new rates.ViewRates(settings.botViewsPerMinute),
      saltOf: salts.openDailySalt({ dir, timezone: config.timezone, onNotice }),
      partition: target.kafka ? -1 : COLLECTOR_PARTITION,
    })
    await log.recall(contract, collector.recentIds)
    const room = await rooms.watchRoom(target.kafka ? dir : dataDir, ROOM_BYTES_MIN)
    closers.add(() => room.end())
    const figures = () => collector.figures.read(clock.nowMs(), commit.groups)
    const keeping = kept.keepFigures(dataDir, figures)
    closers.add(() => keeping.end())
    const [mappings, dataCentres, { createDoors }, { createFileRoutes }] = await Promise.all([
      openMappings(project, contract.event),
      openDataCentres(project),
      import('../../web/collector/create-doors.ts'),
      import('../../web/collector/file-routes.ts'),
    ])
    const server = await servers.startCollectorServer({
      ...{ settings, collector, dataCentres, clock, hasRoom: room.hasRoom },
      keys: new credentials.WriteKeys(settings.keys),
      ...createDoors(settings, contract.event, mappings),
      addFiles: createFileRoutes(settings, {
        tracker: await openTracker(settings.path),
        shop: hasShop ? `${dir}/examples/shop` : undefined,
      }),
    })
    if (server === undefined)
      throw new CcsError('CCS_PORT_TAKEN', `Port ${settings.port} of ${settings.host} is taken.`, {
        hint: 'Name another one with --port, or 0 for any that is free. See: ss -ltnp',
      })
    closers.add(() => server.close())
    raisePriority(NICE)
    return { url: `http://${settings.host}:${server.port}`, figures }
  })
}
