/** Follows what models read, from one to the next. */

/** These names and all that can be reached from them by `readsOf`. */
export function followReads(
  names: Iterable<string>,
  readsOf: (name: string) => readonly string[] | undefined,
): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (name: string) => {
    if (found.has(name)) return
    found.add(name)
    for (const read of readsOf(name) ?? []) visit(read)
  }
  for (const name of names) visit(name)
  return found
}
