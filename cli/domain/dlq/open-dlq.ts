/** Opens what the commands of `ccs dlq` work with: the log, decoders of rejects, and the ledger. */
import { parseRecordSchema } from '../avro/schema.ts'
import {
  type RegisteredSchema,
  requireVersions,
  type SchemaRegistry,
} from '../avro/schema-registry.ts'
import { compileImportContract } from '../ingest/import-contract.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Closable, openAll } from '../kernel/closers.ts'
import { CcsError } from '../kernel/errors.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../log/topics.ts'
import { openAnySchemaDecoder, openBeginningDecoder, openRejectDecoder } from './decode-records.ts'
import { compileLenientReader } from './lenient-reader.ts'
import type { DlqListPorts } from './list-rejects.ts'
import { parseExpression, parsePatch } from './parse-patch.ts'
import { RejectTable, type SqlRunner } from './reject-table.ts'
import { ReplayLedger } from './replay-ledger.ts'
import type { ReplayParts } from './replay-rejects.ts'
import { ReplayWriter, type ReplayWriterOptions } from './replay-writer.ts'
import { readSetAsideEvents, type SetAsideEvent } from './set-aside-events.ts'
import type { DlqShowPorts } from './show-reject.ts'

/** What rejects are read from. */
export interface DlqPorts {
  readonly log: EventLog
  readonly registry: SchemaRegistry
  readonly clock: Clock
  /** Sources in the engine's manifest. */
  readonly sources: readonly LogSource[]
  /** Opens an empty DuckDB that can reach nothing outside. */
  openSql(): Promise<SqlRunner & { close(): void }>
}

const OWNER = 'ccs dlq replay'
/**
 * On Kafka an append may arrive so long after it was announced, and no lock tells whether somebody
 * is at work.
 */
const KAFKA_GRACE_MS = 60_000

/** For `ccs dlq show`. */
export async function openDlqShow(ports: DlqPorts): Promise<DlqShowPorts> {
  const base = await openBase(ports)
  const [decodeByAnySchema, decodeBeginning] = await Promise.all([
    openAnySchemaDecoder(ports.registry),
    openBeginningDecoder(ports.registry),
  ])
  return { ...base, decodeByAnySchema, decodeBeginning }
}

/** For `ccs dlq ls`; CCS_QUERY_INVALID for a predicate that makes no sense. */
export function openDlqList(
  ports: DlqPorts,
  where: string | undefined,
): Promise<DlqListPorts & Closable> {
  return openAll(async (closers) => {
    const base = await openBase(ports)
    if (where === undefined) return base
    const { all, newest } = await requireVersions(ports.registry, RAW_TOPIC)
    const { table, close } = await openTable(ports, newest, { where })
    closers.add(close)
    return { ...base, filter: { table, read: compileLenientReader(all) } }
  })
}

/** For `ccs why`: reads the events on which a model failed. */
export async function openSetAside(
  ports: DlqPorts,
): Promise<() => Promise<readonly SetAsideEvent[]>> {
  const base = await openBase(ports)
  const { all } = await requireVersions(ports.registry, RAW_TOPIC)
  return () => readSetAsideEvents(base, compileLenientReader(all))
}

/** What to replay, and how. */
export interface ReplayChoice
  extends Pick<ReplayWriterOptions, 'rate' | 'chunkEvents' | 'signal' | 'onAppended'> {
  readonly where?: string
  readonly patch?: string
  /** Reads bytes by the schema of this id. */
  readonly asSchema?: number
  readonly isDryRun: boolean
}

/** The log that replays are appended to, and its gate. */
export interface ReplayPorts extends DlqPorts {
  readonly gate: { readonly recordBytesMax: number; readonly futureToleranceMs: number }
  /** Whether others may write the log's partitions meanwhile. */
  readonly isShared: boolean
}

/**
 * For `ccs dlq replay`. CCS_QUERY_INVALID, with places, for predicates and patches; CCS_LOG_LOCKED
 * while another replay is at work.
 */
export function openReplay(
  ports: ReplayPorts,
  choice: ReplayChoice,
): Promise<ReplayParts & Closable> {
  const { registry, clock, gate } = ports
  return openAll(async (closers) => {
    const { all, newest } = await requireVersions(registry, RAW_TOPIC)
    const { asSchema } = choice
    const as = asSchema === undefined ? undefined : await requireSchema(registry, asSchema)
    const { table, close } = await openTable(ports, newest, choice)
    closers.add(close)
    const base = await openBase(ports)
    const contract = compileImportContract({
      rawSchemas: all,
      dlqSchema: (await registry.versions(subjectFor(DLQ_TOPIC))).at(-1),
      ...gate,
    })
    const { ledger, writer } = await openWriting(ports, choice)
    if (ledger) closers.add(() => ledger.close())
    if (writer) closers.add(() => writer.close())
    return {
      ...{ ...base, clock, table, writer, contract, ledger: ledger ?? base.ledger },
      read: compileLenientReader(all, as),
      record: parseRecordSchema(newest.schema, newest.subject),
      isRewritten: choice.patch !== undefined || as !== undefined,
    }
  })
}

async function openWriting(
  { log, clock, isShared }: ReplayPorts,
  choice: ReplayChoice,
): Promise<{ readonly ledger?: ReplayLedger; readonly writer: ReplayWriter | undefined }> {
  if (choice.isDryRun) return { writer: undefined }
  const graceMs = isShared ? KAFKA_GRACE_MS : 0
  const ledger = await ReplayLedger.open({ log, clock, graceMs }, OWNER)
  const { signal, onAppended, rate, chunkEvents } = choice
  const writer = new ReplayWriter({
    ...{ log, clock, ledger, signal, onAppended, owner: OWNER, topic: RAW_TOPIC },
    placement: isShared ? 'source' : 'own',
    ...(rate === undefined ? {} : { rate }),
    ...(chunkEvents === undefined ? {} : { chunkEvents }),
  })
  return { ledger, writer }
}

/** What all of `ccs dlq` need: the log, the decoder of rejects, and what was replayed so far. */
async function openBase({ log, registry, clock, sources }: DlqPorts) {
  const decode = await openRejectDecoder(registry)
  const ledger = ReplayLedger.openReadOnly({ log, clock, graceMs: 0 })
  await ledger.refresh()
  return { log, decode, sources, ledger }
}

async function requireSchema(registry: SchemaRegistry, id: number): Promise<RegisteredSchema> {
  const found = await registry.byId(id)
  if (found) return found
  throw new CcsError('CCS_USAGE_INVALID', `No known schema has the id ${id}.`, {
    hint: 'See the versions and their ids: ccs schema list',
  })
}

/** The rejects as a table of SQL, to evaluate these expressions on. */
async function openTable(
  { openSql }: DlqPorts,
  newest: RegisteredSchema,
  { where, patch }: Pick<ReplayChoice, 'where' | 'patch'>,
): Promise<{ readonly table: RejectTable; readonly close: () => void }> {
  const record = parseRecordSchema(newest.schema, newest.subject)
  const expressions = {
    patch: patch === undefined ? [] : parsePatch(patch, record),
    ...(where === undefined ? {} : { where: parseExpression(where, '--where') }),
  }
  const sql = await openSql()
  const close = () => sql.close()
  try {
    return { table: await RejectTable.open(sql, record, newest.schema, expressions), close }
  } catch (error) {
    close()
    throw error
  }
}
