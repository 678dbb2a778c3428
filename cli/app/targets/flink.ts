/** Composition of a Flink target: ccs compiles for it, and does not deploy to it yet. */
import type { Dialect } from '../../domain/dialects/dialect.ts'

/** How models are printed for Flink SQL. */
export async function openDialect(): Promise<Dialect> {
  return (await import('../../engines/flink/compile/dialect.ts')).compileFlink
}
