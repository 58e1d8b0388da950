package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// mailCatchers are names of services, and the last elements of names of images,
// of programs that catch mail for people to look at.
var mailCatchers = []string{"mailhog", "mailpit", "mailcatcher", "maildev", "mailtrap", "mailcrab", "smtp4dev", "inbucket"}

// catchesMail is whether a service is such a program, and none of the
// repository's own.
func catchesMail(s types.ServiceConfig) bool {
	image, _, _ := strings.Cut(path.Base(s.Image), "@")
	image, _, _ = strings.Cut(image, ":")
	return s.Build == nil && (slices.Contains(mailCatchers, image) || slices.Contains(mailCatchers, strings.ToLower(s.Name)))
}

// catcher takes a service that would catch mail: Offshoot does.
func (r *reader) catcher(p *types.Project, s types.ServiceConfig) {
	file, line := r.where([]string{"services", s.Name})
	r.stack.Mail = append(r.stack.Mail, staging.MailService{Name: s.Name, Aliases: aliases(p, s), File: file, Line: line})
	r.caught(file, line, "services."+s.Name, s.Name)
}

func (r *reader) caught(file string, line int, key, name string) {
	r.note(staging.NoteIgnored, file, line, key, name+" does not run: mail is caught for each environment, and the name leads there", "offshoot mail ls ENV shows it")
}
