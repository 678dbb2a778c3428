/** What ccs needs of a Flink, and how it is found: its version and its settings. */

/** The oldest version, and that which the models were tested with. */
export const VERSION_MIN = '2.3'

/** Whether a version is older than that, or can't be read. */
export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((one) => Number.parseInt(one, 10))
  return Number.isNaN(major + minor) || major < 2 || (major === 2 && minor < 3)
}

/** Names of a setting, the newer one first. */
export const CHECKPOINTS = ['execution.checkpointing.dir', 'state.checkpoints.dir'] as const
/** Likewise. */
export const SAVEPOINTS = ['execution.checkpointing.savepoint-dir', 'state.savepoints.dir'] as const
/** Likewise. */
export const AVAILABILITY = ['high-availability.type', 'high-availability'] as const

/** The first value that one of these names has; undefined: none has any. */
export function findSetting(
  settings: Readonly<Record<string, string>>,
  names: readonly string[],
): string | undefined {
  return names.map((name) => settings[name]).find((one) => one !== undefined && one !== '')
}
