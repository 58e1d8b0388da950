package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

func storageCommand(p Program, io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "storage", Short: "Where a server keeps its data", Example: "  offshoot storage init --size 300G", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var dir, size string
	create := &cobra.Command{
		Use: "init", Short: "Make a pool that copies by reference, on a host without one",
		Long: "Makes a sparse file of that size in the server's data folder, with a file system in it that copies data\n" +
			"by reference, and moves what is there into it. The server must be stopped and its environments asleep;\n" +
			"it mounts the pool whenever it starts. Needs root, once.",
		Example: "  sudo offshoot storage init --size 300G",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if v := os.Getenv("OFFSHOOT_DATA_DIR"); v != "" && !c.Flags().Changed("data-dir") {
				dir = v
			}
			if size == "" {
				return staging.Errorf(staging.CodeUsage, "for example --size 300G", "--size is not given: how large may the pool grow?")
			}
			bytes, err := parseSize(size)
			if err != nil {
				return err
			}
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return staging.NotFound("--data-dir DIR, or start the server there once", "there is no data folder %s", dir)
			}
			report, err := p.InitPool(c.Context(), dir, bytes, func(text string) {
				if !io.quiet {
					_, _ = fmt.Fprintln(io.err, text)
				}
			})
			if err != nil {
				return err
			}
			if io.json {
				io.object(report)
				return nil
			}
			_, err = fmt.Fprintln(io.out, "ready: start the server again")
			return err
		},
	}
	create.Flags().StringVar(&dir, "data-dir", dataDir(), "the server's data folder")
	create.Flags().StringVar(&size, "size", "", "how large it may grow, such as 300G")
	c.AddCommand(create)
	return c
}

// parseSize reads a number of bytes with a K, M, G or T behind it, in powers of
// 1024.
func parseSize(s string) (int64, error) {
	number, shift := strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(s)), "B"), 0
	if i := strings.IndexAny(number, "KMGT"); i >= 0 && i == len(number)-1 {
		shift = 10 * (1 + strings.IndexByte("KMGT", number[i]))
		number = number[:i]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > 1<<62>>shift {
		return 0, staging.Errorf(staging.CodeUsage, "for example 300G", "%q is no size", s)
	}
	return n << shift, nil
}
