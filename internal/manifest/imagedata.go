package manifest

import (
	"slices"

	"offshoot/internal/staging"
)

// imageData are where well-known servers keep data, by the last element of the
// image's name. Their images declare a volume there, which Compose's users never
// see: Compose takes it along when it makes a container anew.
var imageData = map[string]string{
	"mysql": "/var/lib/mysql", "mariadb": "/var/lib/mysql", "percona": "/var/lib/mysql", "mongo": "/data/db",
	"elasticsearch": "/usr/share/elasticsearch/data", "opensearch": "/usr/share/opensearch/data", "solr": "/var/solr", "meilisearch": "/meili_data",
	"rabbitmq": "/var/lib/rabbitmq", "minio": "/data", "influxdb": "/var/lib/influxdb2", "clickhouse-server": "/var/lib/clickhouse",
	"couchdb": "/opt/couchdb/data", "neo4j": "/data", "cassandra": "/var/lib/cassandra", "qdrant": "/qdrant/storage",
}

// noWeb are those of them whose ports no browser speaks with.
var noWeb = map[string]bool{"mysql": true, "mariadb": true, "percona": true, "mongo": true, "cassandra": true}

// imagePorts are where such servers answer, by the last element of the image's
// name: that is how it is known that one is up.
var imagePorts = map[string]int{
	"mysql": 3306, "mariadb": 3306, "percona": 3306, "mongo": 27017, "elasticsearch": 9200, "opensearch": 9200, "solr": 8983, "meilisearch": 7700,
	"rabbitmq": 5672, "minio": 9000, "influxdb": 8086, "clickhouse-server": 8123, "couchdb": 5984, "neo4j": 7474, "cassandra": 9042, "qdrant": 6333,
}

// keepData gives such a server a volume where the stack names none, so that its
// data outlives a deployment and comes along with a snapshot.
func (r *reader) keepData(v *staging.Service) {
	target := imageData[imageName(v.Image)]
	if target != "" && v.ImageBuild == nil && len(v.Ports) == 0 {
		v.Ports = []staging.Port{{Target: imagePorts[imageName(v.Image)]}}
	}
	if target == "" || v.ImageBuild != nil || slices.ContainsFunc(v.Mounts, func(m staging.Mount) bool {
		_, above := under(target, m.Target)
		_, below := under(m.Target, target)
		return above || below
	}) {
		return
	}
	m, _ := images{}.mount(r, v, staging.Mount{Kind: staging.MountVolume, Target: target, Fill: true})
	v.Mounts = append(v.Mounts, m)
	r.volume(m.Source, true)
	r.guess([]string{"services", v.Name}, v.Name+" keeps its data at "+target+", in a volume of the environment", "name a volume there")
}
