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

// mailSurroundings says where code finds what catches its mail, and what the
// stack calls that.
func (a *actor) mailSurroundings(ctx context.Context, dep *staging.Deployment) (*variable.Mail, error) {
	at, err := a.address(ctx, plan.MailEndpoint(a.id))
	if err != nil {
		return nil, err
	}
	return &variable.Mail{Host: at.Host, Port: at.Port, Names: mailNames(dep.Stack)}, nil
}

// mailNames are what services call that which catches mail.
func mailNames(stack *staging.Stack) []string {
	var names []string
	for _, x := range stack.Mail {
		names = append(append(names, x.Name), x.Aliases...)
	}
	return names
}
