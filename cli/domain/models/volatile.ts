/**
 * Functions whose answer depends on when they run. A model with one could not be computed again:
 * the audit, a rebuild and a restart would each give other rows.
 */
import { CcsError } from '../kernel/errors.ts'
import {
  type AstNode,
  asNodes,
  asText,
  asTexts,
  locate,
  readPosition,
  readTextConstant,
  visit,
} from '../sql/ast.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'
import { type SortedModel, toSelectSource } from './graph.ts'

/** Functions that DuckDB marks as volatile, or as consistent within one query alone. */
const VOLATILE = new Set([
  ...['now', 'today', 'get_current_time', 'get_current_timestamp', 'transaction_timestamp'],
  ...['random', 'setseed', 'uuid', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'nextval', 'currval'],
  ...['current_connection_id', 'current_query', 'current_query_id', 'current_transaction_id'],
  ...['txid_current', 'current_date'],
])

/** Written without parentheses; DuckDB's parser takes them for columns. */
const CLOCKS = new Set([
  ...['current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp'],
])

/** Variable that right_now() reads. */
const NOW = 'now_ms'

/** CCS_MODEL_INVALID for each call of such a function in the models, with its place. */
export function findVolatile(
  models: readonly SortedModel[],
  macros: MacroSet,
): readonly CcsError[] {
  const suspects = findSuspects(macros)
  return models
    .filter(({ model }) => suspects.test(model.sql))
    .flatMap((one) => findVolatileCalls(one, macros))
}

/**
 * Matches texts with the name of a volatile function, or of a macro that may call one: most models
 * have none, so their trees need not be searched.
 */
function findSuspects(macros: MacroSet): RegExp {
  const names = new Set([...VOLATILE, ...CLOCKS, 'getvariable'])
  const literally = (name: string) => name.replace(/\W/g, '\\$&')
  const printNames = () => new RegExp(`\\b(?:${[...names].map(literally).join('|')})\\b`, 'i')
  const bodies = new Map([...macros.values()].map((one) => [one.name, JSON.stringify(one.body)]))
  for (let found = 0; found < names.size; ) {
    found = names.size
    const pattern = printNames()
    for (const [name, body] of bodies) if (pattern.test(body)) names.add(name)
  }
  return printNames()
}

function findVolatileCalls(one: SortedModel, macros: MacroSet): readonly CcsError[] {
  const { model, ast } = one
  const source = toSelectSource(model)
  const faults: CcsError[] = []
  const add = (name: string, node: AstNode | undefined) => {
    const at = node && readPosition(node)
    faults.push(
      new CcsError(
        'CCS_MODEL_INVALID',
        `${name} answers differently each time: ${model.name} can’t be computed again.`,
        { location: locate(source, at), hint: HINT },
      ),
    )
  }
  visit(ast, (node) => {
    const name = readVolatile(node)
    if (name !== undefined) add(name, node)
  })
  if (faults.length > 0) return faults
  // In a macro there is no place in the model's file to point at.
  const expanded = expandMacros(ast, macros, () => true)
  visit(expanded, (node) => {
    if (faults.length > 0) return
    const name = readVolatile(node)
    if (name !== undefined) add(name, undefined)
    const [argument] = asNodes(node.children)
    const isNow = readCall(node) === 'getvariable' && argument && readTextConstant(argument) === NOW
    if (isNow && model.kind !== 'view') add('right_now()', undefined)
  })
  return faults
}

const HINT = 'Use a time of the event; in a model of kind view, right_now() is the clock of ccs.'

function readCall(node: AstNode): string | undefined {
  return node.class === 'FUNCTION' ? asText(node.function_name).toLowerCase() : undefined
}

/** Name of the volatile function that a node calls. */
function readVolatile(node: AstNode): string | undefined {
  const path = node.class === 'COLUMN_REF' ? asTexts(node.column_names) : []
  const [name = ''] = path.length === 1 ? path.map((one) => one.toLowerCase()) : []
  if (CLOCKS.has(name)) return name
  const call = readCall(node)
  return call !== undefined && VOLATILE.has(call) ? `${call}()` : undefined
}
