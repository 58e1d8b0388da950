package reconcile

import (
	"context"
	"net"
	"strconv"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

// listen opens a link's listener at the address that was allotted to it.
func (a *actor) listen(ctx context.Context, op plan.Op) error {
	at, err := a.address(ctx, plan.LinkEndpoint(a.id, op.Service))
	if err != nil {
		return err
	}
	return a.Links.Open(op.Resource, net.JoinHostPort(at.Host, strconv.Itoa(at.Port)))
}

// linkVariables adds where services reach each link: an address that stays
// the same however the link is switched.
func (a *actor) linkVariables(ctx context.Context, v *view, dep *staging.Deployment, in *variable.Input) error {
	in.Links = map[string]string{}
	for _, l := range dep.Stack.Links {
		public := staging.Upper(l.Name) + "_PUBLIC_URL"
		if l.Project == "" {
			in.Links[l.Variable], in.Links[public] = l.URL, l.URL
			continue
		}
		at, err := a.address(ctx, plan.LinkEndpoint(a.id, l.Name))
		if err != nil {
			return err
		}
		in.Ours[l.Variable] = "http://" + net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
		if address := a.LinkURL(ctx, v.Environment, l); address != "" {
			in.Ours[public] = address
		}
	}
	return nil
}
