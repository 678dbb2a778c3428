/** Finds the models that a query reads, and refuses a query that is not one allowed SELECT. */

import { followReads } from '../../domain/models/follow-reads.ts'
import { type AstNode, asText, visit } from '../../domain/sql/ast.ts'
import type { MacroSet } from '../../domain/sql/expand-macros.ts'
import { parseQuery } from '../../domain/sql/parse-query.ts'
import { findReferences } from '../../domain/sql/references.ts'
import type { DuckConnection } from './duckdb.ts'
import { serializeSql } from './sql-ast.ts'

/** What is known of the models of an engine. */
export interface ModelReads {
  /** Model name → names of what its SELECT reads. */
  readonly reads: ReadonlyMap<string, readonly string[]>
  /** Names of the models of kind view, which have no files of their own. */
  readonly views: ReadonlySet<string>
  /** Macros of the project, which queries may call. */
  readonly macros: MacroSet
}

/** The models that a query needs. */
export interface QueriedModels {
  /** Their own sources included, as rows of Gold are computed from them. */
  readonly all: ReadonlySet<string>
  /** Those whose stored rows are read. */
  readonly stored: ReadonlySet<string>
}

/** Queries whose models are remembered. */
const KNOWN_MAX = 200

/** Pages repeat the same queries, which are parsed once. */
export class ModelFinder {
  readonly #models: ModelReads
  readonly #known = new Map<string, QueriedModels>()

  constructor(models: ModelReads) {
    this.#models = models
  }

  /** CCS_QUERY_INVALID unless it is one SELECT that calls and reads what queries may. */
  async find(connection: DuckConnection, sql: string): Promise<QueriedModels> {
    const known = this.#known.get(sql)
    if (known) return known
    const { macros, reads, views } = this.#models
    const parse = (text: string) => serializeSql(connection, text)
    const ast = await parseQuery(sql, parse, macros)
    const trees = [ast, ...findMacroBodies(ast, macros)]
    const names = trees.flatMap(findReferences).map(({ name }) => name.toLowerCase())
    const found = {
      all: followReads(names, (name) => reads.get(name)),
      stored: followReads(names, (name) => (views.has(name) ? reads.get(name) : [])),
    }
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.set(sql, found)
    return found
  }
}

/** SELECTs of the macros that a query calls, directly or not: they may read models too. */
function findMacroBodies(ast: AstNode, macros: MacroSet): readonly AstNode[] {
  const found = new Set<AstNode>()
  const search = (tree: AstNode) =>
    visit(tree, (node) => {
      const called =
        node.class === 'FUNCTION' && macros.get(asText(node.function_name).toLowerCase())
      if (!called || found.has(called.body)) return
      found.add(called.body)
      search(called.body)
    })
  search(ast)
  return [...found]
}
