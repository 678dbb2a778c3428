/** Finds the model to which each operator of a compiled plan belongs, from the topics it feeds. */
import { findModelName, isSink, readTable } from './compiled-plan.ts'
import type { NodeMeaning } from './meaning.ts'

/**
 * The first model that an operator feeds without another operator with state between them; if it
 * feeds only such operators, the model of the first of them.
 */
export function findOwners(all: readonly NodeMeaning[]): ReadonlyMap<NodeMeaning, string> {
  const owners = new Map<NodeMeaning, string>()
  const readers = new Map<NodeMeaning, NodeMeaning[]>()
  for (const one of all)
    for (const input of one.inputs) readers.set(input, [...(readers.get(input) ?? []), one])
  // Readers stand after what they read, so that theirs are known first.
  for (const one of [...all].reverse()) {
    const reached = listReached(one, readers)
    const sink = reached.find(({ node }) => isSink(node))
    const table = isSink(one.node) ? readTable(one.node) : sink && readTable(sink.node)
    const [next] = reached
    const owner = table ? findModelName(table.name) : next && owners.get(next)
    if (owner !== undefined) owners.set(one, owner)
  }
  return owners
}

/** The nodes with state that a node feeds, without another between them; sinks are among them. */
function listReached(
  one: NodeMeaning,
  readers: ReadonlyMap<NodeMeaning, readonly NodeMeaning[]>,
): readonly NodeMeaning[] {
  return (readers.get(one) ?? []).flatMap((reader) =>
    reader.state === undefined ? listReached(reader, readers) : [reader],
  )
}
