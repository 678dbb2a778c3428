/**
 * Prints a random sample of the text in this repository, for a cold reading: thirty comments,
 * thirty names of tests and ten error messages, each with its place. Read every item as somebody
 * who has never heard of ccs, and rewrite what needs a second reading.
 *
 *   npm run sample -- --seed 2      the same seed gives the same sample; default: 1
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'

const ROOT = path.resolve(import.meta.dirname, '..')
const COUNTS = { comments: 30, tests: 30, errors: 10 }

/** Mulberry32: random numbers from 0 to 1, the same for the same seed. */
function createRandom(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Parsed files below a folder, sorted by path. */
function readSources(folder) {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join(folder, file.replaceAll(path.sep, '/')))
    .filter((file) => /\.(ts|js)$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(path.join(ROOT, file), 'utf8')
      return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    })
}

function toItem(source, position, text) {
  const { line } = source.getLineAndCharacterOfPosition(position)
  return { place: `${source.fileName}:${line + 1}`, text }
}

/** Every comment; `//` lines that follow one another count as one. */
function findComments(source) {
  const found = new Map()
  const visit = (node) => {
    for (const { pos, end } of ts.getLeadingCommentRanges(source.text, node.pos) ?? [])
      found.set(pos, end)
    node.getChildren(source).forEach(visit)
  }
  visit(source)
  const items = []
  let lineEnd = -1
  for (const [pos, end] of [...found].sort(([a], [b]) => a - b)) {
    const raw = source.text.slice(pos, end)
    const bare = raw.replace(/\*\/$/, '').replace(/^\/[*/]+|^\s*\*/gm, ' ')
    const words = bare.replace(/\s+/g, ' ').trim()
    const isNextLine = lineEnd >= 0 && /^\n *$/.test(source.text.slice(lineEnd, pos))
    if (isNextLine && raw.startsWith('//')) items.at(-1).text += ` ${words}`
    else items.push(toItem(source, pos, words))
    lineEnd = raw.startsWith('//') ? end : -1
  }
  return items.filter(({ text }) => !/^(biome-ignore|@)/.test(text))
}

/** A literal's text, with each `${…}` as `…`; undefined for other expressions. */
function literalText(node) {
  if (!node) return undefined
  if (ts.isStringLiteralLike(node)) return node.text
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('')
  if (!ts.isBinaryExpression(node)) return undefined
  const [left, right] = [literalText(node.left), literalText(node.right)]
  return left === undefined || right === undefined ? undefined : left + right
}

/** The texts at argument `index` of calls whose name matches, after those of describe. */
function findArguments(source, index, name) {
  const items = []
  const visit = (node, outer) => {
    let words = outer
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const called = node.expression.getText()
      const text = literalText(node.arguments?.[index])
      if (text !== undefined && /^describe\b/.test(called)) words = `${outer}${text} > `
      else if (text !== undefined && name.test(called))
        items.push(toItem(source, node.arguments[index].getStart(source), outer + text))
    }
    ts.forEachChild(node, (child) => visit(child, words))
  }
  visit(source, '')
  return items
}

/** `count` different items, drawn at random. */
function draw(items, count, random) {
  const left = [...items]
  return Array.from({ length: Math.min(count, left.length) }, () => {
    const [item] = left.splice(Math.floor(random() * left.length), 1)
    return item
  })
}

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } })
const random = createRandom(Number(values.seed))
const [cli, tests] = [readSources('cli'), readSources('test')]
const names = tests.flatMap((one) => findArguments(one, 0, /^(test|it|pageTest)\b/))
const errors = cli
  .flatMap((one) => findArguments(one, 1, /^CcsError$/))
  .filter(({ text }) => /[a-z]/.test(text))
const sample = {
  comments: draw([...cli, ...tests].flatMap(findComments), COUNTS.comments, random),
  tests: draw(names, COUNTS.tests, random),
  errors: draw(errors, COUNTS.errors, random),
}
for (const [kind, items] of Object.entries(sample)) {
  console.log(`\n${kind}`)
  for (const { place, text } of items) console.log(`  ${place}\n    ${text}`)
}
