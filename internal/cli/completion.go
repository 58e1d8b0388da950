package cli

import (
	"bytes"
	"io"

	"github.com/spf13/cobra"
)

// needsPackage is the line of Cobra's script that only works where the package
// bash-completion is installed and read; ownWords does the same without it.
const (
	needsPackage = `    _get_comp_words_by_ref "$@" cur prev words cword` + "\n"
	ownWords     = `    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
    cword=$((${#words[@]} - 1))
    cur=${words[cword]} prev=${words[cword - 1]}
`
)

func bashCompletion(root *cobra.Command, w io.Writer) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	_, err := w.Write(bytes.Replace(script.Bytes(), []byte(needsPackage), []byte(ownWords), 1))
	return err
}

func completionCommand(s *stdio) *cobra.Command {
	scripts := map[string]func(root *cobra.Command, w io.Writer) error{
		"bash":       bashCompletion,
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print the script that lets a shell complete commands: bash, zsh, fish or powershell",
		Example:   "  source <(offshoot completion bash)\n  offshoot completion zsh > \"${fpath[1]}/_offshoot\"\n  offshoot completion fish | source",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"}, Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(c *cobra.Command, args []string) error {
			var script bytes.Buffer
			if err := scripts[args[0]](c.Root(), &script); err != nil {
				return err
			}
			if s.json {
				s.object(map[string]any{"shell": args[0], "script": script.String()})
				return nil
			}
			_, err := script.WriteTo(s.out)
			return err
		},
	}
}
