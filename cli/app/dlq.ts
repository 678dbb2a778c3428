/**
 * Composition of `ccs dlq`: the log, schemas to read rejects by, the ledger of replays, and a DuckDB of its own for
 * predicates and patches, which can reach nothing outside.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { RegisteredSchema } from '../domain/avro/schema-registry.ts'
import type { DlqListPorts } from '../domain/dlq/list-rejects.ts'
import type { RejectTable } from '../domain/dlq/reject-table.ts'
import type { ReplayParts } from '../domain/dlq/replay-rejects.ts'
import type { DlqShowPorts } from '../domain/dlq/show-reject.ts'
import type { Clock } from '../domain/kernel/clock.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { EventLog } from '../domain/log/event-log.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { openRejectDecoder } from './reader.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

const OWNER = 'ccs dlq replay'
/** On Kafka an append may arrive so long after it was announced, and no lock tells whether somebody is at work. */
const KAFKA_GRACE_MS = 60_000

export interface Closable {
  close(): Promise<void>
}

export async function openDlqShow(project: Project): Promise<DlqShowPorts & Closable> {
  const base = await openBase(project)
  const registry = await openRegistry(project)
  const { openAnySchemaDecoder, openBeginningDecoder } = await import(
    '../domain/dlq/decode-records.ts'
  )
  const [guess, guessPart] = await Promise.all([
    openAnySchemaDecoder(registry),
    openBeginningDecoder(registry),
  ])
  return { ...base, decodeByAnySchema: guess, decodeBeginning: guessPart }
}

/** CCS_QUERY_INVALID for a predicate that makes no sense. */
export async function openDlqList(
  project: Project,
  where: string | undefined,
): Promise<DlqListPorts & Closable> {
  const base = await openBase(project)
  if (where === undefined) return base
  try {
    const [{ compileLenientReader }, versions] = await Promise.all([
      import('../domain/dlq/lenient-reader.ts'),
      rawVersions(project),
    ])
    const { table, close } = await openTable(versions.newest, { where })
    return {
      ...base,
      filter: { table, read: compileLenientReader(versions.all) },
      close: async () => {
        close()
        await base.close()
      },
    }
  } catch (error) {
    await base.close()
    throw error
  }
}

export interface ReplayChoice {
  readonly where?: string
  readonly patch?: string
  /** Reads bytes by the schema of this id. */
  readonly asSchema?: number
  readonly rate?: number
  readonly isDryRun: boolean
  readonly signal: AbortSignal
  readonly onAppended: (events: number) => void
  /** Most events of an append; thousands unless given. */
  readonly chunkEvents?: number
  /** Those of the target and of this machine unless given; a log that is given stays open. */
  readonly log?: EventLog
  readonly clock?: Clock
  /** Whether others may write the log's partitions meanwhile; as it is on the target unless given. */
  readonly isShared?: boolean
}

/** CCS_QUERY_INVALID, with places, for predicates and patches; CCS_LOG_LOCKED while another replay is at work. */
export async function openReplay(
  project: Project,
  choice: ReplayChoice,
): Promise<ReplayParts & Closable> {
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    const [{ compileLenientReader }, { compileImportContract }, { parseRecordSchema }] =
      await Promise.all([
        import('../domain/dlq/lenient-reader.ts'),
        import('../domain/ingest/import-contract.ts'),
        import('../domain/avro/schema.ts'),
      ])
    const registry = await openRegistry(project)
    const { all, newest } = await rawVersions(project)
    const as =
      choice.asSchema === undefined ? undefined : await knownSchema(project, choice.asSchema)
    const { table, close: closeTable } = await openTable(newest, choice)
    closers.push(closeTable)
    const clock = choice.clock ?? systemClock()
    const base = await openBase(project, choice.log)
    closers.push(base.close)
    const contract = compileImportContract({
      rawSchemas: all,
      dlqSchema: (await registry.versions(subjectFor(DLQ_TOPIC))).at(-1),
      recordBytesMax: project.config.gate.recordBytesMax,
      futureToleranceMs: project.config.gate.futureToleranceMs,
    })
    const { ledger, writer } = await openWriting(project, base.log, { ...choice, clock })
    if (ledger) closers.push(() => ledger.close())
    if (writer) closers.push(() => writer.close())
    const read = compileLenientReader(all, as)
    const record = parseRecordSchema(newest.schema, newest.subject)
    const isRewritten = choice.patch !== undefined || as !== undefined
    const found = { clock, read, table, writer, record, contract, isRewritten }
    return { ...base, ...found, ledger: ledger ?? base.ledger, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openWriting(
  project: Project,
  log: EventLog,
  choice: ReplayChoice & { readonly clock: Clock },
): Promise<Partial<Pick<ReplayParts, 'ledger' | 'writer'>>> {
  const { isDryRun, rate, chunkEvents, signal, onAppended, clock } = choice
  if (isDryRun) return {}
  const [{ ReplayLedger }, { ReplayWriter }] = await Promise.all([
    import('../domain/dlq/replay-ledger.ts'),
    import('../domain/dlq/replay-writer.ts'),
  ])
  const isShared = choice.isShared ?? project.target.kafka !== undefined
  const ledger = await ReplayLedger.open(
    { log, clock, graceMs: isShared ? KAFKA_GRACE_MS : 0 },
    OWNER,
  )
  const writer = new ReplayWriter({
    ...{ log, clock, ledger, signal, onAppended, owner: OWNER, topic: RAW_TOPIC },
    placement: isShared ? 'source' : 'own',
    ...(rate === undefined ? {} : { rate }),
    ...(chunkEvents === undefined ? {} : { chunkEvents }),
  })
  return { ledger, writer }
}

/** What all of `ccs dlq` need: the log, the decoder of rejects, and what was replayed so far. */
async function openBase(project: Project, given?: EventLog) {
  const store = await openProjectStore(project)
  const log = given ?? store.log
  const [manifest, decode, { ReplayLedger }] = await Promise.all([
    store.manifests.load(),
    openRejectDecoder(project),
    import('../domain/dlq/replay-ledger.ts'),
  ])
  const ledger = ReplayLedger.openReadOnly({ log, clock: systemClock(), graceMs: 0 })
  await ledger.refresh()
  const { sources = [] } = manifest ?? {}
  return { log, decode, sources, ledger, close: async () => (given ? undefined : log.close()) }
}

async function rawVersions(project: Project) {
  const all = await (await openRegistry(project)).versions(subjectFor(RAW_TOPIC))
  const newest = all.at(-1)
  if (!newest) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.raw.avsc.')
  return { all, newest }
}

async function knownSchema(project: Project, id: number): Promise<RegisteredSchema> {
  const found = await (await openRegistry(project)).byId(id)
  if (found) return found
  throw new CcsError('CCS_USAGE_INVALID', `No known schema has the id ${id}.`, {
    exit: EXIT.usage,
    hint: 'See the versions and their ids: ccs schema list',
  })
}

/** The rejects as a table of SQL; DuckDB is opened only where something is asked of it. */
async function openTable(
  newest: RegisteredSchema,
  { where, patch }: Pick<ReplayChoice, 'where' | 'patch'>,
): Promise<{ readonly table: RejectTable; readonly close: () => void }> {
  const [{ RejectTable: Table }, { parseExpression, parsePatch }, { parseRecordSchema }] =
    await Promise.all([
      import('../domain/dlq/reject-table.ts'),
      import('../domain/dlq/parse-patch.ts'),
      import('../domain/avro/schema.ts'),
    ])
  const record = parseRecordSchema(newest.schema, newest.subject)
  const question = {
    patch: patch === undefined ? [] : parsePatch(patch, record),
    ...(where === undefined ? {} : { where: parseExpression(where, '--where') }),
  }
  const { openDuck } = await import('../adapters/duckdb/duckdb.ts')
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  const close = () => {
    connection.close()
    duck.close()
  }
  try {
    await connection.run('SET enable_external_access = false')
    return { table: await Table.open(connection, record, newest.schema, question), close }
  } catch (error) {
    close()
    throw error
  }
}
