/** The files of a new project: those of the project that ccs ships, under the new name. */
const GITIGNORE = `# Secrets and data stay out of the repository.
.env
data/
.ccs/
dbt/target/
dbt/logs/
dbt/dbt_packages/
*.duckdb
`

/** `file` is relative to the project's folder, with forward slashes. */
export interface NewFile {
  readonly file: string
  readonly bytes: Uint8Array
}

/** What `ccs init --json` prints. */
export interface InitResult {
  /** Absolute path of the new project. */
  readonly dir: string
  readonly name: string
  readonly files: readonly string[]
}

/** A project's name from its folder's: lower-case letters, digits, `-` and `_`. */
export function makeProjectName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
  return name === '' ? 'shop' : name.slice(0, 63)
}

/** The template's files with `name` in ccs.yml, and a .gitignore; comments are kept. */
export function makeProjectFiles(name: string, template: readonly NewFile[]): readonly NewFile[] {
  const files = template.map(({ file, bytes }) => {
    if (file !== 'ccs.yml') return { file, bytes }
    const text = Buffer.from(bytes).toString('utf8')
    return { file, bytes: Buffer.from(text.replace(/^name:.*$/m, `name: ${name}`)) }
  })
  return [...files, { file: '.gitignore', bytes: Buffer.from(GITIGNORE) }]
}
