/** What makes a secret a credential: its value stays on the host, and guests have a placeholder instead. */
export interface Brokering {
  /** Where its value is put in: HOST, HOST:PORT or `*.SUFFIX` each, in lower case; TLS, 443 where no port is named. */
  readonly hosts: readonly string[];
  /** What the guest has; of this workspace alone. */
  readonly placeholder: string;
  /** Environment variables that every program gets the placeholder as. */
  readonly variables: readonly string[];
  /** In upper case. Absent: all. */
  readonly methods?: readonly string[] | undefined;
  /** What the path of a request begins with. Absent: all. */
  readonly paths?: readonly string[] | undefined;
  /** What prints the value on the host, where it is kept nowhere. */
  readonly command?: ValueCommand | undefined;
}

/** A shell's line that prints a value, and nothing else but a line break. */
export interface ValueCommand {
  readonly line: string;
  /** Variables that it runs with: of whoever named it, those that say who and where he is. */
  readonly env: Readonly<Record<string, string>>;
  /** How long a value of it holds. */
  readonly ttlSeconds: number;
}

/** How a secret is made a credential. */
export interface CredentialOptions {
  /** Where it is used: HOST, HOST:PORT or `*.SUFFIX` each, over TLS; port 443 where none is named. */
  readonly hosts: readonly string[];
  /** Of the requests that it is put into, such as GET. Default all. */
  readonly methods?: readonly string[] | undefined;
  /** What the path of such a request begins with, whole segments: `/repos/me`. Default any. */
  readonly paths?: readonly string[] | undefined;
  /** What the placeholder looks like; `{N}` stands for N random letters and digits. Default `pyro_{32}`. */
  readonly placeholder?: string | undefined;
  /** Environment variables that every program gets the placeholder as. Default its name. */
  readonly variables?: readonly string[] | undefined;
}

export const credentialDefaults = { placeholder: "pyro_{32}", ttlSeconds: 900 } as const;

/** A credential that needs no description, as the services that hand it out do. */
export interface ReadyCredential extends CredentialOptions {
  /** Of the secret. */
  readonly name: string;
  /** Of the host's environment, the first that is set has the value where nothing else is said. */
  readonly hostVariables: readonly string[];
}

const github = ["github.com", "api.github.com", "uploads.github.com", "raw.githubusercontent.com"];

/** Those that come with pyro, by the word for each. */
export const readyCredentials = {
  github: {
    name: "GITHUB_TOKEN",
    hosts: [...github, "gist.github.com", "codeload.github.com"],
    placeholder: "ghp_{36}",
    variables: ["GITHUB_TOKEN", "GH_TOKEN"],
    hostVariables: ["GITHUB_TOKEN", "GH_TOKEN"],
  },
  anthropic: {
    name: "ANTHROPIC_API_KEY",
    hosts: ["api.anthropic.com"],
    placeholder: "sk-ant-api03-{93}AA",
    hostVariables: ["ANTHROPIC_API_KEY"],
  },
  openai: {
    name: "OPENAI_API_KEY",
    hosts: ["api.openai.com"],
    placeholder: "sk-proj-{48}",
    hostVariables: ["OPENAI_API_KEY"],
  },
  npm: {
    name: "NPM_TOKEN",
    hosts: ["registry.npmjs.org"],
    placeholder: "npm_{36}",
    hostVariables: ["NPM_TOKEN", "NODE_AUTH_TOKEN"],
    variables: ["NPM_TOKEN", "NODE_AUTH_TOKEN"],
  },
  pypi: {
    name: "PYPI_TOKEN",
    hosts: ["upload.pypi.org"],
    placeholder: "pypi-AgEIcHlwaS5vcmc{120}",
    hostVariables: ["PYPI_TOKEN", "TWINE_PASSWORD"],
    variables: ["PYPI_TOKEN", "TWINE_PASSWORD", "UV_PUBLISH_TOKEN"],
  },
} as const satisfies Record<string, ReadyCredential>;

export type ReadyCredentialName = keyof typeof readyCredentials;

export const readyCredentialNames = Object.keys(readyCredentials) as ReadyCredentialName[];
