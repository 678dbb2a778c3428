/**
 * Turns anything that a command throws into a CcsError: oclif's usage errors, errors of the disk,
 * bugs.
 */
import { type Config, Errors } from '@oclif/core'
import { painterFor, writeJson, writeLines } from './adapters/terminal/screen.ts'
import { formatError, toErrorDocument } from './domain/console/text.ts'
import { didYouMean, findNearest } from './domain/kernel/did-you-mean.ts'
import { readErrno, toSystemFailure } from './domain/kernel/errno.ts'
import { CcsError } from './domain/kernel/errors.ts'
import { memoryError } from './domain/sql/memory-error.ts'

/** A CcsError stays as it is. `context` names the command and its flags, for suggestions. */
export function toCcsError(
  thrown: unknown,
  context: { readonly command: string; readonly flags: readonly string[] } = {
    command: '',
    flags: [],
  },
): CcsError {
  if (thrown instanceof CcsError) {
    // oclif adds text around the message of an error that a flag's parser throws.
    thrown.message = thrown.message
      .replace(/^Parsing --\S+\s+/, '')
      .replace(/\s*See more help with --help\s*$/, '')
    return thrown
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const code = readErrno(thrown)
  // With too few open files, Node says of a file of ccs itself that it is not there.
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND')
    return new CcsError('CCS_DISK_FAILED', `ccs can't load a file of its own: ${message}`, {
      hint: 'Allow more open files (ulimit -n); if that does not help, install ccs again (npm ci).',
      cause: thrown,
    })
  if (thrown instanceof Errors.CLIError) {
    const text = message
      .replace(/\s*See more help with --help\s*$/, '')
      .replace(/^The following errors? occurred:\s*/, '')
      .replace(/\s*\n\s*/g, ' ')
    const unknown = /^Nonexistent flags?: --([\w-]+)/.exec(text)?.[1]
    const near = unknown === undefined ? undefined : findNearest(unknown, context.flags)
    const help = `See: ccs ${context.command} --help`.replace('  ', ' ')
    return new CcsError('CCS_USAGE_INVALID', /[.!?]$/.test(text) ? text : `${text}.`, {
      hint: near === undefined ? help : `Did you mean --${near}?`,
      cause: thrown,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new CcsError('CCS_DISK_DENIED', `The disk denies access: ${message}.`, {
      hint: 'Give this user access to that path, or choose another directory with --data.',
      cause: thrown,
    })
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new CcsError('CCS_DISK_FULL', `The disk is full: ${message}.`, {
      hint: 'Free some space and run it again: committed data is safe.',
      cause: thrown,
    })
  // Node does not say which directory: the one that the shell is in was removed or replaced.
  if (code === 'ENOENT' && message.includes('uv_cwd'))
    return new CcsError('CCS_PROJECT_NOT_FOUND', 'The directory that you are in is gone.', {
      hint: 'If there is a new one of that name, go into it: cd "$PWD"',
      cause: thrown,
    })
  const short = memoryError(thrown)
  if (short) return short
  const failure = toSystemFailure(thrown)
  if (failure) return failure
  return new CcsError('CCS_UNEXPECTED', `Something went wrong inside ccs: ${message}`, {
    hint: 'Run it again with CCS_DEBUG=1 to see the stack trace.',
    cause: thrown,
  })
}

/** The error for an unknown command; undefined if something else was thrown. */
export function unknownCommandError(thrown: unknown, config: Config): CcsError | undefined {
  const id = /^command (.+) not found$/.exec(thrown instanceof Error ? thrown.message : '')?.[1]
  if (id === undefined) return undefined
  const known = config.commands
    .filter((command) => !command.hidden)
    .map((command) => command.id.replaceAll(':', ' '))
  const name = id.replaceAll(':', ' ')
  return new CcsError('CCS_USAGE_INVALID', `"${name}" is not a command of ccs.`, {
    hint: didYouMean(name, known),
  })
}

/** Prints an error to stderr, or with --json as a document to stdout, and sets the exit code. */
export function report(
  error: CcsError,
  thrown: unknown,
  { isJson, isLine = false }: { readonly isJson: boolean; readonly isLine?: boolean },
): void {
  process.exitCode = error.exit
  if (isJson) {
    writeJson(process.stdout, { error: toErrorDocument(error) }, isLine ? 0 : 2)
  } else writeLines(process.stderr, formatError(error, painterFor(process.stderr)))
  if (process.env.CCS_DEBUG === '1') {
    for (let cause = thrown; cause instanceof Error; cause = cause.cause)
      writeLines(process.stderr, `${cause.stack}`.split('\n'))
  }
}
