/** The versions of the servers of `ccs stack`, from the files that name them. */
import path from 'node:path'
import { BUNDLES, type PartName, readPomVersion } from '../../domain/devstack/servers.ts'
import type { Files } from '../files/files.ts'

/** A server's version, as `ccs stack status` shows it. */
export async function readPartVersion(
  recipes: string,
  part: PartName,
  files: Files,
): Promise<string> {
  const read = async (...names: readonly string[]) =>
    (await files.readFile(path.join(recipes, ...names))).toString('utf8')
  if (part === 's3') {
    const lock = await read('s3/requirements.lock')
    return `moto ${/^moto==(\S+)/m.exec(lock)?.[1] ?? '?'}`
  }
  const versions = await Promise.all(
    BUNDLES[part]
      .filter((bundle) => bundle !== 'converter')
      .map(async (bundle) => {
        const version = readPomVersion(await read(bundle, 'pom.xml'))
        return bundle === part ? version : `${bundle} ${version}`
      }),
  )
  return versions.join(', ')
}
