/**
 * The command line of `ccs dbt`: the few flags of ccs are taken out, everything else goes to dbt
 * in its order. dbt's command decides whether a fresh snapshot is taken and whether the result
 * may be published.
 */

import { parseYaml } from '../documents/yaml-document.ts'
import { CcsError } from '../kernel/errors.ts'
import { isObject } from '../kernel/json.ts'
import { appendAll } from '../kernel/lists.ts'

/** A `ccs dbt` command line, split into the flags of ccs and those of dbt. */
export interface DbtArgs {
  /** For ccs: --data, --project, --json, --help. */
  readonly own: readonly string[]
  /** For dbt, its command first; the first `--` is removed. */
  readonly dbt: readonly string[]
}

const OWN_WITH_VALUE = ['--data', '--project']
const OWN = ['--json', '--help', '-h']

/** Everything after `--` goes to dbt, even if it looks like a flag of ccs. */
export function splitDbtArgs(argv: readonly string[]): DbtArgs {
  const own: string[] = []
  const dbt: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index] ?? ''
    if (arg === '--') {
      appendAll(dbt, argv.slice(index + 1))
      break
    }
    if (OWN_WITH_VALUE.includes(arg)) own.push(arg, argv[++index] ?? '')
    else if (OWN.includes(arg) || OWN_WITH_VALUE.some((flag) => arg.startsWith(`${flag}=`)))
      own.push(arg)
    else dbt.push(arg)
  }
  return { own, dbt }
}

/** One dbt command as ccs runs it. */
export interface DbtTask {
  /** As dbt knows it, e.g. `docs generate`. */
  readonly command: string
  /** What dbt receives: command and flags, without `--vars`. */
  readonly args: readonly string[]
  /** From `--vars`; these override the variables that ccs sets. */
  readonly vars: Readonly<Record<string, unknown>>
  /** Runs nodes: its log is read as JSON and its outcome from run_results.json. */
  readonly runsNodes: boolean
  /** Reads a fresh snapshot of Silver; other commands reuse the last one. */
  readonly buildsModels: boolean
  /** Builds all nodes into the local warehouse: after success the marts may be published. */
  readonly isWhole: boolean
  readonly isFullRefresh: boolean
  /** Writes to the local warehouse, whose last successful build ccs remembers. */
  readonly isLocal: boolean
  /** dbt's `--target`; `redshift` and `postgres` need an adapter of dbt of their own. */
  readonly target: string | undefined
}

const NODE_COMMANDS = ['build', 'run', 'test', 'seed', 'snapshot', 'retry', 'docs generate']
const MODEL_COMMANDS = ['build', 'run', 'retry']
const TWO_WORDS = ['docs', 'source']
const PARTIAL = [
  ...['-s', '-m', '--select', '--model', '--models', '--exclude', '--selector'],
  ...['--resource-type', '--resource-types', '--exclude-resource-type'],
  ...['--exclude-resource-types', '--empty', '--sample', '--state', '--defer'],
]

function selectsNodes(arg: string): boolean {
  return PARTIAL.includes(arg.split('=')[0] ?? arg)
}

/** Throws CCS_USAGE_INVALID without a command, or if `--vars` is not a map. */
export function readDbtTask(given: readonly string[]): DbtTask {
  const [first, ...more] = given
  if (first === undefined || first.startsWith('-'))
    throw new CcsError('CCS_USAGE_INVALID', 'ccs dbt needs a dbt command.', {
      hint: 'ccs dbt build builds the marts; ccs dbt docs, test, run, ls … are dbt’s own.',
    })
  const { args, vars } = takeVars(more)
  const isPair = TWO_WORDS.includes(first) && args[0] !== undefined && !args[0].startsWith('-')
  const isDocs = first === 'docs' && !isPair
  const command = isPair ? `${first} ${args[0]}` : isDocs ? 'docs generate' : first
  const rest = isDocs ? [first, 'generate', '--static', ...args] : [first, ...args]
  const target = flagValue(args, ['--target', '-t'])
  const isLocal = (target ?? 'duckdb') === 'duckdb'
  return {
    command,
    args: rest,
    vars,
    runsNodes: NODE_COMMANDS.includes(command),
    buildsModels: MODEL_COMMANDS.includes(command),
    isWhole: command === 'build' && isLocal && !args.some(selectsNodes),
    isLocal,
    isFullRefresh: args.includes('--full-refresh') || args.includes('-f'),
    target,
  }
}

function takeVars(args: readonly string[]): {
  readonly args: readonly string[]
  readonly vars: Readonly<Record<string, unknown>>
} {
  const text = flagValue(args, ['--vars'])
  if (text === undefined) return { args, vars: {} }
  const at = args.findIndex((arg) => arg === '--vars' || arg.startsWith('--vars='))
  const { value } = parseYaml(text, { file: '--vars', code: 'CCS_USAGE_INVALID' })
  if (!isObject(value))
    throw new CcsError('CCS_USAGE_INVALID', '--vars must be a map of names to values.', {
      hint: `--vars '{since: 2026-11-22}'`,
    })
  const length = args[at] === '--vars' ? 2 : 1
  return { args: args.toSpliced(at, length), vars: { ...value } }
}

function flagValue(args: readonly string[], flags: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (flags.includes(arg)) return args[index + 1] ?? ''
    const flag = flags.find((one) => arg.startsWith(`${one}=`))
    if (flag !== undefined) return arg.slice(flag.length + 1)
  }
  return undefined
}
