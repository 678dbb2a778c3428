/** Composition of the live page, served by the running engine or by `ccs dash`. */
import { systemClock } from '../adapters/process/system-clock.ts'
import { refusePage } from '../domain/config/target-needs.ts'
import type { QueryControl } from '../domain/sql/query-result.ts'
import type { Project } from '../project.ts'
import type { OpenDash } from '../web/live/dash-server.ts'
import type { OpenServer } from '../web/live/engine-server.ts'
import type { PageSource } from '../web/live/page.ts'
import { readCopyStatus } from './copy/keep.ts'
import type { OpenPipeline } from './pipeline.ts'
import { openRejectDecoder } from './reader.ts'

async function openPage(project: Project, source: PageSource) {
  const page = await import('../web/live/page.ts')
  const openDecoder = () => openRejectDecoder(project)
  const disk = () => forecastSoonFull(project)
  return page.openPage(project, source, { clock: systemClock(), openDecoder, disk })
}

async function forecastSoonFull(project: Project) {
  const [{ forecastProjectDisk }, { openMachine }, { describeDisk }] = await Promise.all([
    import('./lake.ts'),
    import('../adapters/process/machine.ts'),
    import('../domain/lake/disk-forecast.ts'),
  ])
  const freeBytes = await openMachine().freeBytes(project.dataDir)
  const forecast = await forecastProjectDisk(project, freeBytes)
  return describeDisk(forecast, project.config.retention).warning ?? null
}

/** Where to listen on 127.0.0.1: 0 is any free port; CCS_PORT_TAKEN for one that is required. */
export interface PortChoice {
  readonly port: number
  /** Otherwise a taken port is replaced by a free one. */
  readonly isPortRequired?: boolean
  /** Aborted when an engine drains: it then ends the queries of its clients. */
  readonly stop?: AbortSignal
}

/** Serves the engine's HTTP; other processes find it through the data directory. */
export async function openServer(
  project: Project,
  open: OpenPipeline,
  { port, isPortRequired = false, stop }: PortChoice,
): Promise<OpenServer> {
  const [{ serveEngine }, client, { readStatus }, { RAW_TOPIC: topic }] = await Promise.all([
    import('../web/live/engine-server.ts'),
    import('../engines/embedded/query/engine-client.ts'),
    import('../domain/pipeline/read-status.ts'),
    import('../domain/log/topics.ts'),
  ])
  const { engine, pipeline, logic, scrub } = open
  const { log, files, root: data, manifests } = open.store
  const about = () => {
    const now = { data, topic, nowMs: Date.now(), running: true }
    return { ...now, scrub: scrub.status(), s3: readCopyStatus(project) }
  }
  const status = () => readStatus(log, pipeline.state(), about())
  const query = (sql: string, nowMs: number) => engine.query(sql, nowMs)
  const ask = (sql: string, nowMs: number, control?: QueryControl) =>
    engine.ask(sql, nowMs, control)
  const catchUp = () => pipeline.catchUp()
  const revision = () => engine.counts.records
  const graph = async () => logic.graph
  const { HealthReader } = await import('../domain/live/health.ts')
  const source: PageSource = {
    ...{ log, catchUp, query, revision, graph },
    sources: async () => (await manifests.load())?.sources ?? [],
    openHealth: (parts) => new HealthReader({ ...parts, status }),
  }
  return serveEngine({
    ...{ port, isPortRequired, status, catchUp, ask, stop },
    watched: {
      pipeline,
      engine,
      files,
      root: data,
      checkpointMs: project.config.engine.checkpointEveryMs,
    },
    page: await openPage(project, source),
    commit: () => pipeline.commit(),
    compact: async (some) => (await import('./lake.ts')).compactRunning(open, some),
    prune: (retention) => open.prune(retention),
    compressLog: () => open.compressLog(),
    publish: (at) => client.publishEndpoint(files, data, at),
    withdraw: () => client.removeEndpoint(files, data),
  })
}

/** The page of a project's data, or of the topics of its target, served by this process. */
export async function openDash(
  project: Project,
  { port, isPortRequired = false }: PortChoice,
): Promise<OpenDash> {
  const [{ serveDash }, { loadEngine }] = await Promise.all([
    import('../web/live/dash-server.ts'),
    import('./targets/engine.ts'),
  ])
  refusePage(project.target)
  const openPageSource =
    (await loadEngine(project.target.engine)).openPageSource ??
    (await import('./targets/data-page.ts')).openPageSource
  const { status, close, ...source } = await openPageSource(project)
  const page = await openPage(project, source)
  return serveDash({ port, isPortRequired, page, status, close, root: project.dataDir })
}
