import type { Secret } from "../../../model/secrets.ts";

/** Forges look at the password alone; this is what GitHub calls whoever has a token. */
const userName = "x-access-token";

/** Variables by which git answers, itself, when a host of a credential asks for a password. */
export function gitVariables(credentials: readonly Secret[]): string[] {
  const helpers = credentials.flatMap(({ brokered }) =>
    (brokered?.hosts ?? []).map((host) => ({
      host,
      helper: helperOf(brokered?.placeholder ?? ""),
    })),
  );
  return [
    `GIT_CONFIG_COUNT=${helpers.length}`,
    ...helpers.flatMap(({ host, helper }, index) => [
      `GIT_CONFIG_KEY_${index}=credential.https://${host}.helper`,
      `GIT_CONFIG_VALUE_${index}=${helper}`,
    ]),
  ];
}

function helperOf(placeholder: string): string {
  return `!f() { echo username=${userName}; echo password=${placeholder}; }; f`;
}
