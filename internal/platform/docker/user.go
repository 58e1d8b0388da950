package docker

import "context"

// asItIs leaves the owner of a file as it is (chown(2)).
const asItIs = -1

// Users are the ids of an owner's services and of its data servers. Services run
// as their images say, so what is theirs is left as it is.
func (d *Driver) Users(context.Context, string) (service, data int, err error) {
	return asItIs, DataUser, nil
}
