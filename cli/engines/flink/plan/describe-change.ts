/** Says in words why the state of an operator can't be restored. */
import { nameOperator } from './compiled-plan.ts'
import type { NodeMeaning, StateMeaning, StatePart } from './meaning.ts'

/** Describes how an operator differs from the closest of those that the model had before. */
export function describeChange(before: readonly NodeMeaning[], after: NodeMeaning): string {
  const { state } = after
  if (state === undefined) return 'It has no state.'
  const [closest] = before
    .flatMap((one) => one.state ?? [])
    .map((old) => ({ old, parts: listChanged(old, state) }))
    .sort((a, b) => a.parts.length - b.parts.length)
  if (closest === undefined)
    return `It needs state that the job does not have: ${nameOperator(after.node)}.`
  const sayings = closest.parts.map((part) => SAYINGS[part](...findWords(part, closest.old, state)))
  // What is different in words explains what is not.
  const clear = sayings.filter((one) => one.endsWith(')'))
  const said = clear.length > 0 ? clear : sayings
  return `It ${said.join(', and ')}: its state would give wrong numbers.`
}

function listChanged(old: StateMeaning, next: StateMeaning): readonly StatePart[] {
  return PARTS.filter((part) => old.parts[part] !== next.parts[part])
}

/** In the order in which they are said. */
const PARTS: readonly StatePart[] = [
  ...(['window', 'keys', 'aggregates', 'rows', 'watermark', 'columns', 'what'] as const),
]

type Saying = (from: readonly string[], to: readonly string[]) => string

const SAYINGS: Readonly<Record<StatePart, Saying>> = {
  window: changed('has another window', 'makes its windows by another time'),
  keys: changed('has other keys', 'computes its keys otherwise'),
  aggregates: changed(
    'computes other aggregates',
    'computes the input of its aggregates otherwise',
  ),
  rows: changed('reads other rows', 'reads other rows, by a condition or a lateness before it'),
  watermark: changed('waits for late events longer or shorter', 'waits for late events otherwise'),
  columns: changed('keeps other columns of its rows', 'keeps columns that are computed otherwise'),
  what: changed('reads another topic', 'runs with other settings of Flink'),
}

function changed(what: string, hidden: string): Saying {
  return (from, to) => {
    const gone = from.filter((one) => !to.includes(one))
    const added = to.filter((one) => !from.includes(one))
    if (gone.length === 0 && added.length === 0) return hidden
    const list = (some: readonly string[]): string => (some.length === 0 ? 'none' : some.join(', '))
    return `${what} (${list(added)}; before: ${list(gone)})`
  }
}

function findWords(
  part: StatePart,
  old: StateMeaning,
  next: StateMeaning,
): readonly [readonly string[], readonly string[]] {
  return [old.words[part] ?? [], next.words[part] ?? []]
}
