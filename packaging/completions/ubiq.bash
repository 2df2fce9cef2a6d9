# Completion of `ubiq` in bash. What there is to complete is asked of the program's own help, so it is never out of date.
_ubiq() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words="$("$1" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p') --help --version"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  elif [[ $previous == --log-level ]]; then
    mapfile -t COMPREPLY < <(compgen -W "trace debug info warn error off" -- "$current")
  elif [[ $current == -* ]]; then
    words=$("$1" "${COMP_WORDS[1]}" --help 2>/dev/null | sed -n '/^Options:/,$s/^  [ -].[, ] \(--[a-z-]*\).*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -o default -F _ubiq ubiq
