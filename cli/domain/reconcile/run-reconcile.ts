/**
 * Opens what `ccs reconcile` compares, and repeats it where a build replaced the marts meanwhile.
 */
import type { AuditLogic, AuditSql, TableFiles } from '../audit/catalog.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { Manifest } from '../lake/manifest.ts'
import type { ReconcileReport } from './accounts.ts'
import { excludeFiles } from './files.ts'
import type { RunQuery, SilverFiles } from './input.ts'
import { reconcile } from './reconcile.ts'

/** What to compare. */
export interface ReconcileRun {
  /** Only this shop day, YYYY-MM-DD. */
  readonly day?: string
  /** Open days too, where stream and marts are of the same commit. */
  readonly withOpen?: boolean
  readonly onProgress?: (done: number, total: number) => void
  /** DuckDB's memory; what needs more spills into the data directory. */
  readonly memoryLimitBytes?: number
}

/** The published marts: what they were built from, and how the last build ended. Times in ms. */
export interface ReconciledMarts {
  /** As of the last query. */
  readonly info: {
    readonly serial: number
    readonly builtMs: number | null
    readonly watermarkMs: number | null
    readonly lastRun: {
      readonly ok: boolean
      readonly serial: number
      readonly message: string | null
    } | null
  }
  query: RunQuery
}

/** What the published marts were built from, and an empty DuckDB to look at it with. */
export interface MartsLake<Marts extends ReconciledMarts = ReconciledMarts> {
  readonly marts: Marts
  /** The last commit. */
  readonly manifest: Manifest
  /** The marts' own Silver, and Bronze of the last commit; they stay as they are while in use. */
  readonly tables: TableFiles
  readonly plain: AuditSql
  readonly auditLogic: AuditLogic
  /** Another such DuckDB, which the caller closes. */
  readonly openPlain: SilverFiles['openPlain']
  /** Reads all files of Silver near the day, and compares them with the bytes that were written. */
  inspect(): Promise<InspectedFiles>
}

/** What was found in the files of Silver. */
export interface InspectedFiles extends Pick<SilverFiles, 'damaged' | 'lake'> {
  /** Paths that can't be read. */
  readonly unreadable: ReadonlySet<string>
  /** Names of the lake's files that can't be read or are gone. */
  readonly lost: ReadonlySet<string>
}

/** What answers for the stream: a running engine, or the last commit (`from` is `lake`). */
export interface StreamAnswers {
  readonly from: string
  query: RunQuery
  close(): Promise<void>
}

/** Where a reconciliation gets its sides from. */
export interface ReconcilePorts {
  withMartsLake<T>(use: (lake: MartsLake) => Promise<T>): Promise<T>
  /** Throws where the models are not those that made the rows. */
  checkLogic(manifest: Manifest): void
  /** `without` are names of files of the lake that no answer may need. */
  openStream(without: ReadonlySet<string>): Promise<StreamAnswers>
  /** The watermark of a commit, ms; null: unknown. */
  readWatermark(manifest: Manifest): number | null
}

const ATTEMPTS = 3

/**
 * Runs the comparison. Throws CCS_MARTS_MISSING when there is nothing to compare with,
 * CCS_PLAN_CHANGES when the models are not those that made the rows.
 */
export async function runReconcile(
  ports: ReconcilePorts,
  run: ReconcileRun,
): Promise<ReconcileReport> {
  for (let attempt = 1; ; attempt++) {
    const { report, isWhole } = await ports.withMartsLake((lake) => reconcileOnce(ports, lake, run))
    // A build that was published meanwhile has put other marts behind the later queries.
    if (isWhole || attempt === ATTEMPTS) return report
  }
}

async function reconcileOnce(
  ports: ReconcilePorts,
  { marts, plain, manifest, tables, auditLogic, openPlain, inspect }: MartsLake,
  { day, withOpen = false, onProgress = () => {} }: ReconcileRun,
): Promise<{ readonly report: ReconcileReport; readonly isWhole: boolean }> {
  ports.checkLogic(manifest)
  const { serial, builtMs, watermarkMs, lastRun } = marts.info
  const failed = lastRun?.ok === false ? lastRun : undefined
  const { damaged, lake, unreadable, lost } = await inspect()
  const stream = await ports.openStream(lost)
  try {
    const report = await reconcile({
      plain,
      stream: (sql) => stream.query(sql),
      marts: (sql) => marts.query(sql),
      logic: auditLogic,
      tables: excludeFiles(tables, unreadable),
      files: { damaged, lake, openPlain },
      built: {
        ...{ serial, builtMs: builtMs ?? 0, watermarkMs },
        failure: failed ? (failed.message ?? 'it failed') : null,
        failedSerial: failed?.serial ?? null,
      },
      now: {
        serial: manifest.serial,
        watermarkMs: ports.readWatermark(manifest),
        isRunning: stream.from !== 'lake',
      },
      ...(day === undefined ? {} : { day }),
      withOpen,
      onProgress,
    })
    return { report, isWhole: marts.info.builtMs === builtMs }
  } finally {
    await stream.close()
  }
}

/** CCS_MARTS_MISSING, with what to do about it. */
export function martsMissing(message: string, cause?: unknown): CcsError {
  return new CcsError('CCS_MARTS_MISSING', message, {
    exit: EXIT.changes,
    hint: 'Build them: ccs dbt build',
    cause,
  })
}

/** Explains DuckDB's error about a table or column that the marts lack. */
export function throwMartsLack(cause: unknown): never {
  const [line = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
  throw martsMissing(`The marts lack what is asked of them: ${line}`, cause)
}
