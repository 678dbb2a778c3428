/**
 * Texts with variables, in ccs.yml and connectors/*.json: `${VAR}` and `${VAR:-fallback}` of the
 * environment; in connectors also `${file:/path:key}` of a properties file and `${ccs.name}` of ccs
 * itself. A fallback may hold variables. `$${` stands for a plain `${`, for variables that
 * Connect's own workers fill in.
 */

/** Where the values of variables come from. */
export interface VariableSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Texts of the files that `${file:…}` names, by the path as it is written there. */
  readonly files: ReadonlyMap<string, string>
}

/** A text with its variables filled in. */
export interface RenderedTemplate {
  readonly text: string
  /** Values that came from the environment or from files: they may be secrets. */
  readonly secrets: readonly string[]
  /** Whether the text has a variable of the environment or of a file, if only by its fallback. */
  readonly usesVariables: boolean
  /** The variables that have no value. */
  readonly missing: readonly MissingVariable[]
}

/** A variable without a value, and what to do about it. */
export interface MissingVariable {
  /** Name of the variable of the environment; undefined for the other kinds. */
  readonly name?: string
  readonly message: string
  readonly hint: string
}

/** A piece of a text: plain text, or a variable. */
export type VariablePart =
  | { readonly is: 'text'; readonly text: string }
  | {
      readonly is: 'env'
      readonly name: string
      readonly fallback: readonly VariablePart[] | undefined
    }
  | { readonly is: 'file'; readonly path: string; readonly key: string }
  | { readonly is: 'ccs'; readonly name: string }

/**
 * Splits a text into its parts. `wrong` is the rest of a sentence that begins with the setting's
 * name.
 */
export function parseTemplate(text: string): readonly VariablePart[] | { readonly wrong: string } {
  const cursor = { text, at: 0 }
  const parts = readParts(cursor, false)
  return 'wrong' in parts ? parts : parts.parts
}

interface Cursor {
  readonly text: string
  at: number
}

type Read = { readonly parts: readonly VariablePart[] } | { readonly wrong: string }

/** Reads up to the end, or inside a fallback up to the brace that closes it. */
function readParts(cursor: Cursor, isInside: boolean): Read {
  const parts: VariablePart[] = []
  let plain = ''
  const flush = () => {
    if (plain !== '') parts.push({ is: 'text', text: plain })
    plain = ''
  }
  while (cursor.at < cursor.text.length) {
    const rest = cursor.text.slice(cursor.at)
    if (rest.startsWith('$${')) {
      const end = rest.indexOf('}')
      const whole = end < 0 ? rest : rest.slice(0, end + 1)
      plain += whole.slice(1)
      cursor.at += whole.length
    } else if (rest.startsWith('${')) {
      flush()
      const variable = readVariable(cursor)
      if ('wrong' in variable) return variable
      parts.push(variable)
    } else if (isInside && rest.startsWith('}')) break
    else {
      plain += rest[0]
      cursor.at++
    }
  }
  flush()
  return { parts }
}

function readVariable(cursor: Cursor): VariablePart | { readonly wrong: string } {
  const rest = cursor.text.slice(cursor.at)
  const unclosed = { wrong: 'has a ${ without its }.' }
  const file = /^\$\{file:([^{}]*):([^:{}]+)\}/.exec(rest)
  if (file) {
    cursor.at += file[0].length
    return { is: 'file', path: file[1] ?? '', key: file[2] ?? '' }
  }
  const ccs = /^\$\{ccs\.(\w+)\}/.exec(rest)
  if (ccs) {
    cursor.at += ccs[0].length
    return { is: 'ccs', name: ccs[1] ?? '' }
  }
  const env = /^\$\{([A-Za-z_]\w*)(:-|\})/.exec(rest)
  if (!env) {
    const shown = /^\$\{[^}]*\}/.exec(rest)?.[0]
    if (shown === undefined) return unclosed
    return {
      wrong: `has ${shown}, which is not a variable; write $${shown} if it is meant as text.`,
    }
  }
  cursor.at += env[0].length
  const name = env[1] ?? ''
  if (env[2] === '}') return { is: 'env', name, fallback: undefined }
  const fallback = readParts(cursor, true)
  if ('wrong' in fallback) return fallback
  if (cursor.text[cursor.at] !== '}') return unclosed
  cursor.at++
  return { is: 'env', name, fallback: fallback.parts }
}

/** Paths of the files that a text's variables need, as they are written. */
export function listTemplateFiles(parts: readonly VariablePart[]): readonly string[] {
  return parts.flatMap((part) => {
    if (part.is === 'file') return [part.path]
    return part.is === 'env' ? listTemplateFiles(part.fallback ?? []) : []
  })
}

/** Names of the variables of ccs itself in a text, without the `ccs.`. */
export function listCcsVariables(parts: readonly VariablePart[]): readonly string[] {
  return parts.flatMap((part) => {
    if (part.is === 'ccs') return [part.name]
    return part.is === 'env' ? listCcsVariables(part.fallback ?? []) : []
  })
}

/**
 * Fills in the variables; `own` holds those of ccs. An empty variable counts as not set, as in a
 * shell's `:-`.
 */
export function renderTemplate(
  parts: readonly VariablePart[],
  lookup: VariableSources,
  own: Readonly<Record<string, string | undefined>>,
): RenderedTemplate {
  const all = parts.map((part) => renderPart(part, lookup, own))
  return {
    text: all.map((one) => one.text).join(''),
    secrets: all.flatMap((one) => one.secrets),
    usesVariables: all.some((one) => one.usesVariables),
    missing: all.flatMap((one) => one.missing),
  }
}

const NOTHING = { text: '', secrets: [], usesVariables: false, missing: [] } as const

function renderPart(
  part: VariablePart,
  lookup: VariableSources,
  own: Readonly<Record<string, string | undefined>>,
): RenderedTemplate {
  switch (part.is) {
    case 'text':
      return { ...NOTHING, text: part.text }
    case 'ccs': {
      const text = own[part.name]
      if (text !== undefined) return { ...NOTHING, text }
      const message = `This target has no ${part.name} for \${ccs.${part.name}}.`
      return { ...NOTHING, missing: [{ message, hint: 'Give the target one in ccs.yml.' }] }
    }
    case 'file': {
      const text = lookup.files.get(part.path)
      const value = text === undefined ? undefined : readProperty(text, part.key)
      if (value !== undefined)
        return { ...NOTHING, text: value, secrets: [value], usesVariables: true }
      const message =
        text === undefined
          ? `The file ${part.path} can't be read.`
          : `The file ${part.path} has no "${part.key}".`
      const hint = `It is a file of lines such as: ${part.key}=value`
      return { ...NOTHING, usesVariables: true, missing: [{ message, hint }] }
    }
    case 'env': {
      const value = lookup.env[part.name]
      if (value) return { ...NOTHING, text: value, secrets: [value], usesVariables: true }
      if (part.fallback)
        return { ...renderTemplate(part.fallback, lookup, own), usesVariables: true }
      const message = `The environment variable ${part.name} is not set.`
      const hint = `Set it, or give it a fallback: \${${part.name}:-value}`
      return { ...NOTHING, usesVariables: true, missing: [{ name: part.name, message, hint }] }
    }
  }
}

/** A value of a properties file: `key=value` or `key: value`; lines with `#` are comments. */
function readProperty(text: string, key: string): string | undefined {
  for (const line of text.split(/\r?\n/)) {
    const found = /^\s*([^#!\s][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line)
    if (found?.[1] === key) return found[2]
  }
  return undefined
}

/**
 * A text with its variables filled in, the name of the first that is not set, or what is wrong with
 * it.
 */
export type FilledText =
  | { readonly text: string }
  | { readonly missing: string }
  | { readonly wrong: string }

/**
 * Fills in the variables of a text that may use the environment only, as the values of ccs.yml do.
 */
export function fillFromEnv(text: string, env: VariableSources['env']): FilledText {
  return fillFromOwn(text, env, {})
}

/** The same for a text that may also use `${ccs.name}`; `own` holds those. */
export function fillFromOwn(
  text: string,
  env: VariableSources['env'],
  own: Readonly<Record<string, string | undefined>>,
): FilledText {
  const parts = parseTemplate(text)
  if ('wrong' in parts) return parts
  const { text: filled, missing } = renderTemplate(parts, { env, files: new Map() }, own)
  const [first] = missing
  if (first === undefined) return { text: filled }
  return first.name === undefined
    ? { wrong: 'has a variable of a file or of ccs, which only connectors may use.' }
    : { missing: first.name }
}
