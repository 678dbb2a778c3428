/**
 * Functions that make values as long as an argument says: `repeat('x', 4000000000)` takes four
 * gigabytes that DuckDB does not count against its memory limit. Macros of the same names, in the
 * catalog of queries, refuse such arguments; queries can't call the functions behind them, because
 * allowed-sql.ts refuses the names with a schema. The argument is checked inside of the call: a
 * CASE around it would not keep DuckDB from computing a constant call first.
 */

/** Characters of a text, or elements of a list. */
const LENGTH_MAX = 10_000

/** CREATE statements for the current catalog. */
export function printBoundedFunctions(): string {
  const repeat = (kind: string, length: string) =>
    `(s${kind}, n) AS system.main.repeat(s, ${bound(`n::HUGEINT * ${length}`, 'n')})`
  const pad = (name: string) =>
    `CREATE MACRO ${name}(s, n, c) AS system.main.${name}(s, ${bound('n', 'n')}, c)`
  const resize = (name: string) =>
    `CREATE MACRO ${name}(l, n) AS system.main.${name}(l, ${bound('n', 'n')}),
       (l, n, v) AS system.main.${name}(l, ${bound('n', 'n')}, v)`
  return [
    `CREATE MACRO repeat${repeat('', 'len(s)')}, ${repeat(' BLOB', 'octet_length(s)')}`,
    ...['lpad', 'rpad'].map(pad),
    ...['list_resize', 'array_resize'].map(resize),
    ...['range', 'generate_series'].map(printSeries),
  ].join(';\n')
}

function printSeries(name: string): string {
  const call = `system.main.${name}`
  const span = 'epoch_us(b)::HUGEINT - epoch_us(a)'
  const times = (type: string) =>
    `(a ${type}, b ${type}, c INTERVAL) AS ${call}(a,
       ${bound(`abs((${span}) / (epoch_us(a + c) - epoch_us(a)))`, 'b')}, c)`
  return `CREATE MACRO ${name}(a BIGINT) AS ${call}(${bound('a', 'a')}),
    (a BIGINT, b BIGINT) AS ${call}(a, ${bound('b::HUGEINT - a', 'b')}),
    (a BIGINT, b BIGINT, c BIGINT) AS
      ${call}(a, ${bound('abs((b::HUGEINT - a) / c)', 'b')}, c),
    ${times('TIMESTAMP')}, ${times('TIMESTAMPTZ')}`
}

/** `argument`, or an error if `length` is too large. */
function bound(length: string, argument: string): string {
  const message = `A value of a query may have at most ${LENGTH_MAX} characters or elements.`
  return `CASE WHEN ${length} > ${LENGTH_MAX} THEN error('${message}') ELSE ${argument} END`
}
