export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/**
 * Each asks pyro what may stand where the cursor is, one line a word: the word, a tab and what it is, or `:file` and `:directory`
 * where the shell itself knows. So a script that was installed once knows every later command and name.
 */
export const scripts: Readonly<Record<Shell, string>> = {
  // To bash, colons and equals signs end words; its words are put together again, and answers begin after the last of them.
  bash: `_pyro() {
  local rest=\${COMP_LINE:0:COMP_POINT} words=() word i
  for ((i = 0; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i)) && [[ $rest != [[:space:]]* ]]; then words[-1]+=$word; else words+=("$word"); fi
    rest=\${rest#*"$word"}
  done
  if [[ $rest == [[:space:]]* ]]; then
    words+=("\${rest#"\${rest%%[![:space:]]*}"}")
  else
    words[-1]+=$rest
  fi
  local current=\${words[-1]} breaks=\${COMP_WORDBREAKS//[^:=]/} before=
  [[ -n $breaks ]] && before=\${current%"\${current##*[$breaks]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    case $word in
      :file) compopt -o default ;;
      :directory) compopt -o dirnames ;;
      *) COMPREPLY+=("\${word#"$before"}") ;;
    esac
  done < <(command pyro __complete "\${words[@]:1}" 2>/dev/null </dev/null)
  compopt -o nosort
} 2>/dev/null
complete -F _pyro pyro`,
  zsh: `#compdef pyro
_pyro() {
  local line
  local -a answers names
  answers=("\${(@f)$(command pyro __complete "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null </dev/null)}")
  for line in $answers; do
    case $line in
      :file) [[ $PREFIX == --*=* ]] && compset -P '*='; _files; return ;;
      :directory) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/; return ;;
      ?*) names+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( $#names )) && _describe -V pyro names
}
if [[ $funcstack[1] == _pyro ]]; then _pyro "$@"; else compdef _pyro pyro; fi`,
  fish: `function __pyro_complete
  set -l words (commandline -opc)
  set -e words[1]
  set -l current (commandline -ct)
  for line in (command pyro __complete $words "$current" 2>/dev/null </dev/null)
    switch $line
      case ':file'
        __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current")
      case ':directory'
        __fish_complete_directories (string replace -r '^--[^=]*=' '' -- "$current")
      case '*'
        echo $line
    end
  end
end
complete -c pyro -e
complete -c pyro -f -k -a '(__pyro_complete)'`,
};
