/**
 * One error class and one list of codes. An error is for a person: what is wrong (message), where
 * (location), what to do next (hint). The exit code tells a script which kind of error it is.
 */

/**
 * Exit codes of the command line; 1 is an error inside ccs, 3 means changes or drift, 5 a failed
 * check.
 */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  changes: 3,
  unreachable: 4,
  checkFailed: 5,
} as const

/** One of the codes in EXIT. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * Every code that ccs throws, with its exit code unless the error says otherwise; docs/errors.md
 * explains each, and a test compares the two lists.
 */
const EXIT_BY_CODE = {
  CCS_UNEXPECTED: EXIT.unexpected,
  CCS_USAGE_INVALID: EXIT.usage,
  CCS_CONFIG_INVALID: EXIT.usage,
  CCS_PROJECT_NOT_FOUND: EXIT.usage,
  CCS_SCHEMA_INVALID: EXIT.unexpected,
  CCS_SCHEMA_BREAKS: EXIT.checkFailed,
  CCS_MODEL_INVALID: EXIT.usage,
  CCS_MODEL_CYCLE: EXIT.usage,
  CCS_SEED_INVALID: EXIT.usage,
  CCS_SQL_UNSUPPORTED: EXIT.usage,
  CCS_QUERY_INVALID: EXIT.usage,
  CCS_QUERY_LIMIT: EXIT.usage,
  CCS_QUERY_CRASHED: EXIT.unexpected,
  CCS_LOG_LOCKED: EXIT.unexpected,
  CCS_LOG_CORRUPT: EXIT.checkFailed,
  CCS_LOG_RECORD_TOO_LARGE: EXIT.unexpected,
  CCS_ENGINE_LOCKED: EXIT.unexpected,
  CCS_ENGINE_UNREACHABLE: EXIT.unreachable,
  CCS_ENGINE_REFUSED: EXIT.unexpected,
  CCS_ENGINE_DENIED: EXIT.unexpected,
  CCS_PORT_TAKEN: EXIT.usage,
  CCS_KAFKA_UNREACHABLE: EXIT.unreachable,
  CCS_KAFKA_DENIED: EXIT.unexpected,
  CCS_KAFKA_TOPIC: EXIT.unexpected,
  CCS_KAFKA_OFFSET: EXIT.unexpected,
  CCS_KAFKA_CODEC: EXIT.unexpected,
  CCS_KAFKA_REFUSED: EXIT.unexpected,
  CCS_REGISTRY_UNREACHABLE: EXIT.unreachable,
  CCS_REGISTRY_DENIED: EXIT.unreachable,
  CCS_REGISTRY_REFUSED: EXIT.unreachable,
  CCS_DEPLOY_LOCKED: EXIT.unexpected,
  CCS_MANIFEST_INVALID: EXIT.unexpected,
  CCS_KEYS_INVALID: EXIT.unexpected,
  CCS_LAKE_DAMAGED: EXIT.checkFailed,
  CCS_OPEN_LAKE_INVALID: EXIT.unexpected,
  CCS_OPEN_LAKE_LOCKED: EXIT.unexpected,
  CCS_OPEN_LAKE_TYPE: EXIT.usage,
  CCS_PLAN_CHANGES: EXIT.changes,
  CCS_CHECK_FAILED: EXIT.checkFailed,
  CCS_DISK_FULL: EXIT.unexpected,
  CCS_DISK_DENIED: EXIT.unexpected,
  CCS_MEMORY_SHORT: EXIT.unexpected,
  CCS_BACKUP_INVALID: EXIT.checkFailed,
  CCS_BACKUP_UNREACHABLE: EXIT.unreachable,
  CCS_S3_UNREACHABLE: EXIT.unreachable,
  CCS_S3_REFUSED: EXIT.unreachable,
  CCS_S3_INVALID: EXIT.checkFailed,
  CCS_WAREHOUSE_UNREACHABLE: EXIT.unreachable,
  CCS_WAREHOUSE_REFUSED: EXIT.unreachable,
  CCS_WAREHOUSE_INVALID: EXIT.checkFailed,
  CCS_DISK_FAILED: EXIT.unexpected,
  CCS_IMPORT_INVALID: EXIT.usage,
  CCS_RATE_MISSED: EXIT.changes,
  CCS_TEST_INVALID: EXIT.usage,
  CCS_MARTS_MISSING: EXIT.unexpected,
  CCS_PYTHON_MISSING: EXIT.unreachable,
  CCS_VENV_FAILED: EXIT.unreachable,
  CCS_VENV_FOREIGN: EXIT.usage,
  CCS_SILVER_MISSING: EXIT.checkFailed,
  CCS_DBT_MISSING: EXIT.usage,
  CCS_DBT_LOCKED: EXIT.unexpected,
  CCS_DBT_FAILED: EXIT.unexpected,
  CCS_DBT_STOPPED: EXIT.unexpected,
  CCS_JAVA_MISSING: EXIT.unreachable,
  CCS_MAVEN_MISSING: EXIT.unreachable,
  CCS_FETCH_FAILED: EXIT.unreachable,
  CCS_STACK_DAMAGED: EXIT.checkFailed,
  CCS_STACK_FAILED: EXIT.unreachable,
  CCS_STACK_STOPPED: EXIT.unexpected,
  CCS_BI_INVALID: EXIT.usage,
  CCS_BI_MISSING: EXIT.usage,
  CCS_BI_FAILED: EXIT.unreachable,
  CCS_BI_DENIED: EXIT.unreachable,
  CCS_BI_STOPPED: EXIT.unexpected,
  CCS_CONNECT_UNREACHABLE: EXIT.unreachable,
  CCS_CONNECTOR_INVALID: EXIT.usage,
  CCS_CONNECTOR_FAILED: EXIT.checkFailed,
  CCS_CONNECTOR_MISSING: EXIT.checkFailed,
} as const

/** Its form is `CCS_<NOUN>_<PROBLEM>`. */
export type ErrorCode = keyof typeof EXIT_BY_CODE

/** All codes. (Object.keys itself says only that they are texts.) */
export const ERROR_CODES = Object.keys(EXIT_BY_CODE) as readonly ErrorCode[]

/** A place in a user's file; line and column count from 1. */
export interface Location {
  readonly file: string
  readonly line?: number
  readonly column?: number
  /** The line itself, shown under the message. */
  readonly text?: string
}

/** What an error has besides its code and message; without `exit` it has its code's. */
export interface CcsErrorOptions {
  /** The next command or edit to try. */
  readonly hint?: string | undefined
  readonly exit?: ExitCode | undefined
  readonly location?: Location | undefined
  readonly cause?: unknown
  /** Further faults of the same file or run, reported together with this one. */
  readonly others?: readonly CcsError[]
  /** How many further faults were counted and are not listed; 0 if absent. */
  readonly more?: number
}

/**
 * The only error that ccs throws on purpose; adapters translate what others throw, and keep it as
 * `cause`.
 */
export class CcsError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly exit: ExitCode
  readonly location: Location | undefined
  readonly others: readonly CcsError[]
  readonly more: number

  constructor(code: ErrorCode, message: string, options: CcsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CcsError'
    this.code = code
    this.hint = options.hint
    this.exit = options.exit ?? EXIT_BY_CODE[code]
    this.location = options.location
    this.others = options.others ?? []
    this.more = options.more ?? 0
  }
}

/** Of the faults of one file, no more are listed; the others are only counted. */
export const FAULTS_LISTED_MAX = 50

/**
 * Throws the first fault with the rest as its `others`; does nothing when there is none. `more` is
 * how many others were counted and not listed.
 */
export function throwAll(faults: readonly CcsError[], more = 0): void {
  const [first, ...rest] = faults
  if (!first) return
  throw new CcsError(first.code, first.message, {
    exit: first.exit,
    hint: first.hint,
    location: first.location,
    cause: first.cause,
    others: [...first.others, ...rest.flatMap((one) => [one, ...one.others])],
    more: faults.reduce((sum, one) => sum + one.more, more),
  })
}
