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

/** Every code that ccs throws; docs/errors.md explains each, and a test compares the two lists. */
export const ERROR_CODES = [
  'CCS_UNEXPECTED',
  'CCS_USAGE_INVALID',
  'CCS_CONFIG_INVALID',
  'CCS_PROJECT_NOT_FOUND',
  'CCS_SCHEMA_INVALID',
  'CCS_SCHEMA_BREAKS',
  'CCS_MODEL_INVALID',
  'CCS_MODEL_CYCLE',
  'CCS_SEED_INVALID',
  'CCS_SQL_UNSUPPORTED',
  'CCS_QUERY_INVALID',
  'CCS_LOG_LOCKED',
  'CCS_LOG_CORRUPT',
  'CCS_LOG_RECORD_TOO_LARGE',
  'CCS_ENGINE_LOCKED',
  'CCS_ENGINE_UNREACHABLE',
  'CCS_ENGINE_REFUSED',
  'CCS_KAFKA_UNREACHABLE',
  'CCS_KAFKA_DENIED',
  'CCS_KAFKA_TOPIC',
  'CCS_KAFKA_OFFSET',
  'CCS_KAFKA_CODEC',
  'CCS_KAFKA_REFUSED',
  'CCS_REGISTRY_UNREACHABLE',
  'CCS_REGISTRY_DENIED',
  'CCS_REGISTRY_REFUSED',
  'CCS_DEPLOY_LOCKED',
  'CCS_MANIFEST_INVALID',
  'CCS_LAKE_DAMAGED',
  'CCS_PLAN_CHANGES',
  'CCS_CHECK_FAILED',
  'CCS_DISK_FULL',
  'CCS_DISK_DENIED',
  'CCS_IMPORT_INVALID',
  'CCS_RATE_MISSED',
  'CCS_TEST_INVALID',
  'CCS_MARTS_MISSING',
  'CCS_PYTHON_MISSING',
  'CCS_VENV_FAILED',
  'CCS_VENV_FOREIGN',
  'CCS_DBT_MISSING',
  'CCS_DBT_LOCKED',
  'CCS_DBT_FAILED',
  'CCS_DBT_STOPPED',
  'CCS_JAVA_MISSING',
  'CCS_MAVEN_MISSING',
  'CCS_FETCH_FAILED',
  'CCS_STACK_DAMAGED',
  'CCS_STACK_FAILED',
  'CCS_STACK_STOPPED',
  'CCS_CONNECT_UNREACHABLE',
  'CCS_CONNECTOR_INVALID',
  'CCS_CONNECTOR_FAILED',
  'CCS_CONNECTOR_MISSING',
] as const

/** One of ERROR_CODES: `CCS_<NOUN>_<PROBLEM>`. */
export type ErrorCode = (typeof ERROR_CODES)[number]

/** A place in a user's file; line and column count from 1. */
export interface Location {
  readonly file: string
  readonly line?: number
  readonly column?: number
  /** The line itself, shown under the message. */
  readonly text?: string
}

/** What an error has besides its code and message; `exit` is 1 when absent. */
export interface CcsErrorOptions {
  /** The next command or edit to try. */
  readonly hint?: string
  readonly exit?: ExitCode
  readonly location?: Location
  readonly cause?: unknown
  /** Further faults of the same file or run, reported together with this one. */
  readonly others?: readonly CcsError[]
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

  constructor(code: ErrorCode, message: string, options: CcsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CcsError'
    this.code = code
    this.hint = options.hint
    this.exit = options.exit ?? EXIT.unexpected
    this.location = options.location
    this.others = options.others ?? []
  }
}

/** Throws the first fault with the rest as its `others`; does nothing when there is none. */
export function throwAll(faults: readonly CcsError[]): void {
  const [first, ...rest] = faults
  if (!first) return
  throw new CcsError(first.code, first.message, {
    exit: first.exit,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    ...(first.location === undefined ? {} : { location: first.location }),
    ...(first.cause === undefined ? {} : { cause: first.cause }),
    others: [...first.others, ...rest.flatMap((one) => [one, ...one.others])],
  })
}
