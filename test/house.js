/**
 * Measures how `cli/` is laid out: `npm run house` prints the figures, test/unit/tidy.test.ts holds them to
 * their limits. Everything is read from the source text by TypeScript's own parser; nothing is run.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'

const CLI = path.resolve(import.meta.dirname, '../cli')
const COLUMNS_MAX = 100
/** Where the names of the engines that run elsewhere may stand. */
const ENGINE_ROOMS = [
  /^domain\/config\/engines\.ts$/,
  /^domain\/dialects\/idioms/,
  /^engines\//,
  /^app\/targets\//,
  // Its servers are started there, as Kafka's are.
  /^domain\/devstack\//,
  /^adapters\/process\/stack-/,
  /^commands\/stack\//,
]
const ENGINE_NAME = /ksql|flink/gi
/** docs/adr/0010 says why: the parts of kafkajs that carry whole batches have no public name. */
const PRIVATE_PATHS = { kafkajs: 'adapters/kafka/' }

/** @returns {readonly {file: string, text: string, tree: ts.SourceFile}[]} paths below cli/, with `/` */
function readSources() {
  return readdirSync(CLI, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replaceAll(path.sep, '/'))
    .sort()
    .map((file) => {
      const text = readFileSync(path.join(CLI, file), 'utf8')
      return { file, text, tree: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true) }
    })
}

/** Specifiers of static imports, re-exports, type imports and `import()`. */
function importsOf(tree) {
  const found = []
  const visit = (node) => {
    const literal =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node)
            ? node.argument.literal
            : undefined
    const isDynamic = literal !== undefined && !ts.isImportDeclaration(node)
    if (literal && ts.isStringLiteral(literal))
      found.push({ specifier: literal.text, isDynamic: isDynamic && !ts.isExportDeclaration(node) })
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** Exported declarations without a comment of their own; a command's class is documented by its summary. */
function uncommented({ file, text, tree }) {
  if (file.startsWith('commands/')) return []
  return tree.statements
    .filter((one) => one.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
    .filter((one) => {
      const ranges = ts.getLeadingCommentRanges(text, one.getFullStart()) ?? []
      return !ranges.some(({ pos }) => text.startsWith('/**', pos) && pos > headEnd(tree, text))
    })
    .map((one) => {
      const { line } = tree.getLineAndCharacterOfPosition(one.getStart())
      const name = one.name ?? one.declarationList?.declarations[0]?.name
      return `${file}:${line + 1} ${name?.getText() ?? 'default'}`
    })
}

/** Start of the comment that opens the file, where one stands before the first import; -1 without imports. */
function headEnd(tree, text) {
  const [first] = tree.statements
  return first && ts.isImportDeclaration(first)
    ? (ts.getLeadingCommentRanges(text, 0)?.[0]?.pos ?? -1)
    : -1
}

/** Groups of files that import one another in a circle, types included (Tarjan's algorithm). */
function circlesOf(arrows) {
  const found = []
  const state = new Map()
  const stack = []
  let next = 0
  const visit = (file) => {
    const at = { index: next, low: next++, isOnStack: true }
    state.set(file, at)
    stack.push(file)
    for (const target of arrows.get(file) ?? []) {
      const other = state.get(target)
      if (!other) at.low = Math.min(at.low, visit(target).low)
      else if (other.isOnStack) at.low = Math.min(at.low, other.index)
    }
    if (at.low === at.index) {
      const group = stack.splice(stack.indexOf(file))
      for (const one of group) state.get(one).isOnStack = false
      if (group.length > 1) found.push(group.sort().join(' <-> '))
    }
    return at
  }
  for (const file of arrows.keys()) if (!state.has(file)) visit(file)
  return found
}

/** All figures of the house; lists name the places, so that a test can show them. */
export function measureHouse() {
  const sources = readSources()
  const arrows = new Map()
  const privatePaths = []
  for (const { file, tree } of sources) {
    const targets = []
    for (const { specifier } of importsOf(tree)) {
      if (specifier.startsWith('.'))
        targets.push(path.posix.join(path.posix.dirname(file), specifier))
      else if (!specifier.startsWith('node:')) {
        const [name, ...rest] = specifier.split(/(?<!^@[^/]*)\//)
        const fence = PRIVATE_PATHS[name]
        if (
          rest.length > 0 &&
          !(fence && file.startsWith(fence)) &&
          !isPublic(name, rest.join('/'))
        )
          privatePaths.push(`${file}: ${specifier}`)
      }
    }
    arrows.set(file, targets)
  }
  const folders = new Map()
  for (const { file } of sources) {
    const folder = path.posix.dirname(file)
    folders.set(folder, (folders.get(folder) ?? 0) + 1)
  }
  const lines = ({ text }) => text.split('\n').length - 1
  const app = sources.filter(({ file }) => file.startsWith('app/'))
  // A file of commands/ is called as its command is: there are as many as commands.
  const largest = [...folders]
    .filter(([name]) => name !== 'commands')
    .sort((a, b) => b[1] - a[1])[0]
  return {
    files: sources.length,
    lines: sources.reduce((sum, one) => sum + lines(one), 0),
    appFiles: app.length,
    appLines: app.reduce((sum, one) => sum + lines(one), 0),
    appLongest: app
      .map((one) => ({ file: one.file, lines: lines(one) }))
      .sort((a, b) => b.lines - a.lines)[0],
    largestFolder: { folder: largest?.[0], files: largest?.[1] },
    engineNames: sources
      .filter(({ file }) => !ENGINE_ROOMS.some((room) => room.test(file)))
      .flatMap(({ file, text }) => {
        const found = text.match(ENGINE_NAME)
        return found ? [`${file}: ${found.length}`] : []
      }),
    circles: circlesOf(arrows),
    uncommented: sources.flatMap(uncommented),
    privatePaths,
    wideLines: sources.flatMap(({ file, text }) =>
      text
        .split('\n')
        .flatMap((line, index) => ([...line].length > COLUMNS_MAX ? [`${file}:${index + 1}`] : [])),
    ),
  }
}

/** Whether a package's own `exports` name the path, also by a pattern such as `./utils/*`. */
function isPublic(name, rest) {
  const file = path.join(CLI, '../node_modules', name, 'package.json')
  const { exports } = JSON.parse(readFileSync(file, 'utf8'))
  return Object.keys(exports ?? {}).some((key) => {
    const [start = '', end] = key.split('*')
    if (end === undefined) return key === `./${rest}`
    return `./${rest}`.startsWith(start) && `./${rest}`.endsWith(end)
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const house = measureHouse()
  const { appLongest, largestFolder } = house
  console.log(`files under cli/                  ${house.files}, ${house.lines} lines
files under cli/app/              ${house.appFiles}, ${house.appLines} lines; longest ${appLongest?.file}, ${appLongest?.lines} lines
largest folder                    cli/${largestFolder.folder}, ${largestFolder.files} files
engine names outside their places ${house.engineNames.length} files
import circles, types included    ${house.circles.length}
exports without a comment         ${house.uncommented.length}
packages by a private path        ${house.privatePaths.length}
lines over ${COLUMNS_MAX} columns            ${house.wideLines.length}`)
  if (process.argv.includes('--places'))
    for (const key of ['engineNames', 'circles', 'uncommented', 'privatePaths', 'wideLines'])
      for (const place of house[key]) console.log(`${key}  ${place}`)
}
