package reconcile

import (
	"context"
	"net"
	"strconv"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

// catchMail opens an environment's listener for mail at the address that was
// allotted to it.
func (a *actor) catchMail(ctx context.Context) error {
	at, err := a.address(ctx, plan.MailEndpoint(a.id))
	if err != nil {
		return err
	}
	return a.Mail.Open(a.id, net.JoinHostPort(at.Host, strconv.Itoa(at.Port)))
}

// endMail closes the listener; the messages go only with the environment.
func (a *actor) endMail(ctx context.Context, row staging.Resource, discard bool) error {
	if err := a.Mail.Close(row.Owner); err != nil || !discard {
		return err
	}
	return a.Folders.Delete(ctx, row.Name)
}

// mailSurroundings says where code finds what catches its mail. The names by
// which the stack calls it lead there; where they lead to the very port that
// values are written with, values stay as they are written.
func (a *actor) mailSurroundings(ctx context.Context, dep *staging.Deployment) (*variable.Mail, error) {
	at, err := a.address(ctx, plan.MailEndpoint(a.id))
	if err != nil {
		return nil, err
	}
	m := &variable.Mail{Host: at.Host, Port: at.Port}
	if !a.Platform.Traits().NamesResolve || at.Port != plan.MailPort {
		m.Names = mailNames(dep.Stack)
	}
	return m, nil
}

// mailNames are what services call that which catches mail.
func mailNames(stack *staging.Stack) []string {
	var names []string
	for _, x := range stack.Mail {
		names = append(append(names, x.Name), x.Aliases...)
	}
	return names
}
