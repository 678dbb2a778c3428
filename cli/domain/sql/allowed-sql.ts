/**
 * What a SELECT of a user may call and read, judged on DuckDB's own syntax tree: a SELECT can write
 * files, change settings and read any file by the functions that it calls. Table functions are
 * allowed by name, so that one that a new DuckDB brings is refused until it is judged here.
 */
import { CcsError, type ErrorCode } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import {
  type AstNode,
  asNode,
  asNodes,
  asText,
  locate,
  readPosition,
  type SqlSource,
  visit,
} from './ast.ts'
import { expandMacros, type MacroSet } from './expand-macros.ts'

const words = (text: string) => text.split(' ')

/** Table functions that every SELECT may call: they compute rows, or list tables and functions. */
export const ALLOWED_TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  ...words('unnest range generate_series repeat repeat_row json_each json_tree summary'),
  ...words('duckdb_columns duckdb_constraints duckdb_functions duckdb_indexes duckdb_keywords'),
  ...words('duckdb_schemas duckdb_tables duckdb_types duckdb_views pragma_version'),
  ...words('icu_calendar_names pg_timezone_names histogram histogram_values'),
])

/** All other table functions of the DuckDB in use, by what they do. */
const REFUSED_TABLE_FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  'it reads files': [
    ...words('glob read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto'),
    ...words('read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto'),
    ...words('read_ndjson_objects read_parquet read_text sniff_csv parquet_bloom_probe'),
    ...words('parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata'),
    ...words('parquet_scan parquet_schema'),
  ],
  'it reads memory at an address': words('arrow_scan arrow_scan_dumb seq_scan'),
  'it runs SQL that stands in a text': words('query query_table json_execute_serialized_sql'),
  'it writes files': words('checkpoint force_checkpoint'),
  'it changes settings of the whole engine': [
    ...words('disable_logging disable_peg_parser disable_profiling enable_logging'),
    ...words('enable_peg_parser enable_profiling truncate_duckdb_logs check_peg_parser'),
  ],
  'it shows settings, secrets or other queries': [
    ...words('duckdb_external_file_cache duckdb_log_contexts duckdb_logs duckdb_logs_parsed'),
    ...words('duckdb_prepared_statements duckdb_secret_types duckdb_secrets duckdb_settings'),
    ...words('duckdb_profiling_settings duckdb_temporary_files duckdb_variables which_secret'),
  ],
  'it tells of the inside of DuckDB': [
    ...words('duckdb_approx_database_count duckdb_connection_count duckdb_coordinate_systems'),
    ...words('duckdb_databases duckdb_dependencies duckdb_extensions duckdb_memory'),
    ...words('duckdb_optimizers duckdb_sequences duckdb_table_sample pragma_collations'),
    ...words('pragma_database_size pragma_metadata_info pragma_platform pragma_show'),
    ...words('pragma_storage_info pragma_table_info pragma_user_agent sql_auto_complete'),
    ...words('test_all_types test_vector_types'),
  ],
}

/** Scalar functions that write, wait, or tell what is not in the rows. */
const REFUSED_FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  'it writes to the log of the engine': ['write_log'],
  'it changes the state of the engine': words('nextval currval setseed'),
  'it reads settings or the environment': words('current_setting getenv which_secret'),
  'it runs SQL that stands in a text': words('query query_table'),
  'it waits, and holds a thread meanwhile': words('sleep_ms pg_sleep'),
}

const byName = (groups: Readonly<Record<string, readonly string[]>>) =>
  new Map(Object.entries(groups).flatMap(([what, names]) => names.map((one) => [one, what])))

/** Table function → what it does that no SELECT may do. */
export const REFUSED_TABLE_FUNCTION_REASONS: ReadonlyMap<string, string> =
  byName(REFUSED_TABLE_FUNCTIONS)
/** The same of scalar functions. */
export const REFUSED_FUNCTION_REASONS: ReadonlyMap<string, string> = byName(REFUSED_FUNCTIONS)

/**
 * Functions whose values can be as long as an argument says. The engine bounds them by macros of
 * the same names, which a qualified name would go round.
 */
export const BOUNDED_FUNCTIONS: ReadonlySet<string> = new Set(
  words('repeat lpad rpad list_resize array_resize range generate_series'),
)

interface SelectPlace {
  readonly source: SqlSource
  readonly code: ErrorCode
}

/** Where a SELECT stands, the code of errors about it, and what it may call beside the lists. */
export interface SelectRules extends SelectPlace {
  /** Macros of the project, which it may call; names in lower case. */
  readonly macros: MacroSet
  /** It is the body of a macro: query_table may name the macro's parameter. */
  readonly isMacro?: boolean
}

/**
 * An error for each call of a function that a SELECT may not call, with its place; if there is
 * none, for each table that DuckDB would take for a file or a URL: `'x.parquet'`, x.parquet. Calls
 * of the project's table macros are followed, as their arguments can name tables.
 */
export function findForbidden(ast: AstNode, rules: SelectRules): readonly CcsError[] {
  const { macros, isMacro = false } = rules
  const calls: CcsError[] = []
  const tables: CcsError[] = []
  const inFrom = new Set<AstNode>()
  let hasTableMacro = false
  visit(ast, (node) => {
    if (node.type === 'TABLE_FUNCTION') inFrom.add(asNode(node.function))
    if (node.type === 'BASE_TABLE') appendAll(tables, judgeTable(node, rules))
    if (node.class !== 'FUNCTION') return
    const name = asText(node.function_name).toLowerCase()
    hasTableMacro ||= inFrom.has(node) && macros.has(name)
    const why = inFrom.has(node) ? judgeTableFunction(node, name, rules) : judgeCall(node, name)
    if (why !== undefined)
      calls.push(refuse(`${name}() can’t be called here: ${why}.`, node, rules))
  })
  if (calls.length > 0) return calls
  return hasTableMacro && !isMacro ? findForbiddenTables(expandTables(ast, rules), rules) : tables
}

function judgeTableFunction(
  node: AstNode,
  name: string,
  { macros, isMacro }: SelectRules,
): string | undefined {
  const isQualified = asText(node.schema) !== '' || asText(node.catalog) !== ''
  if (macros.has(name) && !isQualified) return undefined
  if (ALLOWED_TABLE_FUNCTIONS.has(name)) return undefined
  const [argument] = asNodes(node.children)
  if (isMacro && name === 'query_table' && argument?.class === 'COLUMN_REF') return undefined
  return REFUSED_TABLE_FUNCTION_REASONS.get(name) ?? 'it is not on the list of table functions'
}

function judgeCall(node: AstNode, name: string): string | undefined {
  // The parser itself writes the schema main, but never a catalog.
  const isQualified = asText(node.catalog) !== '' || asText(node.schema) !== ''
  if (BOUNDED_FUNCTIONS.has(name) && isQualified) return 'write its name without a schema'
  return REFUSED_FUNCTION_REASONS.get(name)
}

/** Schemas, and catalogs, whose tables a query may name. */
const SCHEMAS = new Set([
  ...['', 'raw', 'bronze', 'silver', 'gold', 'seeds', 'main'],
  ...['information_schema', 'pg_catalog'],
])
const CATALOGS = new Set(['', 'memory', 'delta', 'serve', 'system'])

function findForbiddenTables(ast: AstNode, rules: SelectPlace): readonly CcsError[] {
  const faults: CcsError[] = []
  visit(ast, (node) => {
    const called = node.type === 'TABLE_FUNCTION' ? asNode(node.function) : {}
    if (asText(called.function_name).toLowerCase() === 'query_table')
      faults.push(refuse('A table must be named by a plain text.', called, rules))
    if (node.type === 'BASE_TABLE') appendAll(faults, judgeTable(node, rules))
  })
  return faults
}

function judgeTable(node: AstNode, rules: SelectPlace): readonly CcsError[] {
  const parts = [node.catalog_name, node.schema_name, node.table_name].map(asText)
  const [catalog = '', schema = '', table = ''] = parts
  const isPlace = CATALOGS.has(catalog.toLowerCase()) && SCHEMAS.has(schema.toLowerCase())
  if (isPlace && /^[\p{L}\p{N}_$ -]+$/u.test(table)) return []
  const name = parts.filter((part) => part !== '').join('.')
  return [refuse(`There is no table '${name}', and files can’t be read here.`, node, rules)]
}

function expandTables(ast: AstNode, { macros, code, source }: SelectRules): AstNode {
  try {
    return expandMacros(ast, macros, (macro) => macro.isTable)
  } catch (cause) {
    if (!(cause instanceof CcsError)) throw cause
    throw new CcsError(code, cause.message, { location: locate(source, undefined), cause })
  }
}

function refuse(message: string, node: AstNode, { source, code }: SelectPlace): CcsError {
  return new CcsError(code, message, {
    location: locate(source, readPosition(node)),
    hint: 'A SELECT reads models and seeds; docs/sql-shell.md lists the functions it may call.',
  })
}
