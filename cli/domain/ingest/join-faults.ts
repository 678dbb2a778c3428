/** Faults that many files have alike, put together: three faults of 14 files are three blocks. */
import { CcsError } from '../kernel/errors.ts'

/** A fault and the file that has it. */
export interface FileFault {
  readonly file: string
  readonly fault: CcsError
}

const NAMES_MAX = 2

/** Flattens `others`; faults that differ in their file alone become one that names the files. */
export function joinFaults(faults: readonly FileFault[]): readonly CcsError[] {
  const groups = new Map<string, FileFault[]>()
  for (const { file, fault } of faults)
    for (const one of [fault, ...fault.others]) {
      const key = JSON.stringify([one.code, one.message, one.hint]).replaceAll(file, '')
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [{ file, fault: one }])
      else group.push({ file, fault: one })
    }
  return [...groups.values()].map(joinGroup)
}

function joinGroup(group: readonly FileFault[]): CcsError {
  const fault = group[0]?.fault
  if (fault === undefined) throw new RangeError('a group has at least one fault')
  const files = [...new Set(group.map(({ file }) => file))]
  const where = `in ${files.length} files: ${listNames(files)}`
  const message =
    files.length === 1 ? fault.message : `${fault.message.replace(/\.$/, '')} (${where}).`
  const { exit, hint, location, cause } = fault
  const more = group.reduce((sum, one) => sum + one.fault.more, 0)
  return new CcsError(fault.code, message, { exit, hint, location, cause, more })
}

/** `a.csv, b.csv, … and 12 more`. */
function listNames(files: readonly string[]): string {
  const more = files.length - NAMES_MAX
  if (more <= 1) return files.join(', ')
  return `${files.slice(0, NAMES_MAX).join(', ')}, … and ${more} more`
}
